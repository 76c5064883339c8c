"""`sudo -l`: what may be run, asked without running it. golden/sudo-list.txt"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lab.process import Process

if TYPE_CHECKING:
    from lab.host import Host

NOT_ALLOWED = "Sorry, user ops is not allowed to execute '/usr/bin/{}' as root on {}."


def asks_sudo(words: Sequence[str]) -> bool:
    """Whether sudo is to tell and not to run: an option of its own, before any command."""
    for word in words[1:]:
        if not word.startswith("-") or word == "--":
            return False
        if word == "--list" or (not word.startswith("--") and "l" in word):
            return True
    return False


def denies(host: Host, argv: Sequence[str]) -> bool:
    return any(fault.hits(host.name, argv) for fault in host.cluster.faults.matching("sudo_denies", host.name))


async def sudo_list(process: Process) -> int:
    """The whole list, or one command: its path where it is allowed, nothing where it is not."""
    faults, name = process.host.cluster.faults, process.host.name
    if faults.is_on("sudo_refuses", name):
        return process.refuse("sudo: a password is required", 1)
    command = list(process.arguments)
    while command and command[0].startswith("-") and command.pop(0) != "--":
        pass
    if not command:
        taken_back = [shlex.join(fault.argv) for fault in faults.matching("sudo_denies", name)]
        rules = ", ".join(("ALL", *(f"!/usr/bin/{one} *" for one in taken_back)))
        process.print(f"User ops may run the following commands on {name}:\n    (ALL) NOPASSWD: {rules}")
        return 0
    return _one(process, command)


def _one(process: Process, command: list[str]) -> int:
    from lab.shell import KNOWN

    program = command[0].rpartition("/")[2]
    if program not in KNOWN:
        return process.refuse(f"sudo: {command[0]}: command not found", 1)
    if denies(process.host, command):
        return 1
    process.print(" ".join((command[0] if "/" in command[0] else f"/usr/bin/{program}", *command[1:])))
    return 0
