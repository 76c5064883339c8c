"""Who holds a package manager's lock? apt, dpkg and dnf each say it in words of their own."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kubeadm_upgrade.query import Query, query

_SAID = re.compile(
    r"(?:It is held by process|was locked by another process with pid|Waiting for process with pid)"
    r" (?P<pid>\d+)(?: \((?P<name>.+?)\))?"
)


@dataclass(frozen=True)
class Holder:
    """The process that a package manager waits for, or gave up waiting for."""

    pid: int
    name: str = ""  # as far as it was said

    def __str__(self) -> str:
        return f"process {self.pid} ({self.name})" if self.name else f"process {self.pid}"


def holder(said: str) -> Holder | None:
    """From what was printed last; None where it is not about a lock."""
    holders = [Holder(int(found["pid"]), found["name"] or "") for found in _SAID.finditer(said)]
    return holders[-1] if holders else None


def name_of(pid: int) -> Query[str]:
    """The command line of a process; empty once it has ended."""
    return query("ps", "-o", "args=", "-p", str(pid), read=str.strip, answers=(0, 1))
