"""ps: which programs run on this host, and since when?"""

from __future__ import annotations

import posixpath
import shlex
import time
from collections.abc import Iterator
from dataclasses import dataclass

from lab.host import Host
from lab.options import parse
from lab.process import Process


@dataclass(frozen=True)
class Running:
    """One line of ps."""

    pid: int
    name: str
    args: str
    started: float


async def ps(process: Process) -> int:
    """``ps -C NAME`` or ``-p PID``, with ``-o args=`` or ``-o etimes=``; exit 1 where there is no such process."""
    options = parse(process.arguments, valued=("-o", "-p", "-C"))
    name, pid = options.last("-C"), options.last("-p")
    found = [one for one in _running(process.host) if one.name == name or str(one.pid) == pid]
    for one in found:
        elapsed = f"{int(time.time() - one.started):>7}"
        process.print(elapsed if options.last("-o").startswith("etimes") else one.args)
    return 0 if found else 1


def _running(host: Host) -> Iterator[Running]:
    # who holds apt's lock, where a fault says so
    yield Running(4711, "unattended-upgr", "/usr/bin/python3 /usr/bin/unattended-upgrade", time.time() - 60)
    kubelet = host.kubelet
    if kubelet.active:
        yield Running(kubelet.pid, "kubelet", "/usr/bin/kubelet --config=/var/lib/kubelet/config.yaml", kubelet.started)
    for one in host.running:
        program = one.argv[0] if one.argv else ""
        # systemd starts what it was told by its whole path
        path = f"/usr/bin/{program}" if one.unit and "/" not in program else program
        yield Running(one.pid, posixpath.basename(program), shlex.join((path, *one.argv[1:])), one.started)
