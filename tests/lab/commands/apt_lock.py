"""Who holds apt's lock, and how long does a second apt wait for it?"""

from __future__ import annotations

import asyncio

from lab.options import Options
from lab.process import Process

LISTS = "/var/lib/apt/lists/lock"
DPKG = "/var/lib/dpkg/lock-frontend"
_HOLDER = "It is held by process 4711 (unattended-upgr)"


async def take(process: Process, options: Options, lock: str) -> int:
    """0 and the lock, or the exit code. Give it back with ``packages.busy -= 1``."""
    if not process.root:
        return _not_root(process, lock)
    second = process.host.cluster.latency.lock_second
    left = _timeout(options) * second if lock == DPKG else 0.0
    told = False
    while _held(process):
        if left <= 0:
            return _locked(process, lock)
        if not told:
            process.print(f"Waiting for cache lock: Could not get lock {lock}. {_HOLDER}...")
            told = True
        pause = min(left, max(second / 2, 0.005))
        await asyncio.sleep(pause)
        left -= pause
    process.host.packages.busy += 1
    return 0


def refuse(process: Process) -> int:
    """0, or dpkg's own refusal where somebody has the lock, as seen on a real host."""
    if not _held(process):
        return 0
    process.complain("dpkg: error: dpkg frontend lock was locked by another process with pid 4711")
    process.complain("Note: removing the lock file is always wrong, can damage the locked area")
    process.complain("and the entire system. See <https://wiki.debian.org/Teams/Dpkg/FAQ#db-lock>.")
    process.complain("E: Sub-process dpkg --set-selections returned an error code (2)")
    return process.refuse("E: Executing dpkg failed. Are you root?", 100)


def _held(process: Process) -> bool:
    return process.host.packages.busy > 0 or process.host.cluster.faults.is_on("apt_lock", process.host.name)


def _timeout(options: Options) -> float:
    settings = dict(one.partition("=")[::2] for one in options.all("-o", "--option"))
    value = float({name.lower(): text for name, text in settings.items()}.get("dpkg::lock::timeout") or 0)
    return float("inf") if value < 0 else value


def _not_root(process: Process, lock: str) -> int:
    process.complain(f"E: Could not open lock file {lock} - open (13: Permission denied)")
    if lock == LISTS:
        return process.refuse("E: Unable to lock directory /var/lib/apt/lists/", 100)
    return process.refuse(f"E: Unable to acquire the dpkg frontend lock ({lock}), are you root?", 100)


def _locked(process: Process, lock: str) -> int:
    process.complain(f"E: Could not get lock {lock}. {_HOLDER}")
    if lock == LISTS:
        return process.refuse("E: Unable to lock directory /var/lib/apt/lists/", 100)
    process.complain("N: Be aware that removing the lock file is not a solution and may break your system.")
    text = f"E: Unable to acquire the dpkg frontend lock ({lock}), is another process using it?"
    return process.refuse(text, 100)
