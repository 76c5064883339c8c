"""Who holds apt's lock, and how long does a second apt wait for it?"""

from __future__ import annotations

import asyncio

from lab.german import say
from lab.options import Options
from lab.process import Process

LISTS = "/var/lib/apt/lists/lock"
DPKG = "/var/lib/dpkg/lock-frontend"


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
            process.print(f"{say(process, 'Waiting for cache lock: {}', _no_lock(process, lock))}...")
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
    text = "dpkg: error: dpkg frontend lock was locked by another process with pid {}"
    process.complain(say(process, text, 4711))
    note = "Note: removing the lock file is always wrong, can damage the locked area\nand the entire system. See {}."
    process.complain(say(process, note, "<https://wiki.debian.org/Teams/Dpkg/FAQ#db-lock>"))
    failed = say(process, "Sub-process {} returned an error code ({})", "dpkg --set-selections", 2)
    process.complain(f"E: {failed}")
    return process.refuse(f"E: {say(process, 'Executing dpkg failed. Are you root?')}", 100)


def _no_lock(process: Process, lock: str) -> str:
    holder = say(process, "It is held by process {} ({})", 4711, "unattended-upgr")
    return say(process, "Could not get lock {}. {}", lock, holder)


def _held(process: Process) -> bool:
    return process.host.packages.busy > 0 or process.host.cluster.faults.is_on("apt_lock", process.host.name)


def _timeout(options: Options) -> float:
    settings = dict(one.partition("=")[::2] for one in options.all("-o", "--option"))
    value = float({name.lower(): text for name, text in settings.items()}.get("dpkg::lock::timeout") or 0)
    return float("inf") if value < 0 else value


def _not_root(process: Process, lock: str) -> int:
    text = "Could not open lock file {} - open (13: Permission denied)"
    process.complain(f"E: {say(process, text, lock)}")
    return _unable(process, lock, "Unable to acquire the dpkg frontend lock ({}), are you root?")


def _locked(process: Process, lock: str) -> int:
    process.complain(f"E: {_no_lock(process, lock)}")
    if lock != LISTS:
        text = "Be aware that removing the lock file is not a solution and may break your system."
        process.complain(f"N: {say(process, text)}")
    return _unable(process, lock, "Unable to acquire the dpkg frontend lock ({}), is another process using it?")


def _unable(process: Process, lock: str, text: str) -> int:
    if lock == LISTS:
        return process.refuse(f"E: {say(process, 'Unable to lock directory {}', '/var/lib/apt/lists/')}", 100)
    return process.refuse(f"E: {say(process, text, lock)}", 100)
