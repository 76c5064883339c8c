"""What may we run as root on a host? sudo is asked and runs nothing; the list of questions is the sudoers file's.

`sudo -l COMMAND` says yes also where a password would be asked for (tests/golden/sudo-list.txt): so the whole list is
read as well, for rules without NOPASSWD.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from kubeadm_upgrade.actions import Run
from kubeadm_upgrade.procedure import CONTROL_PLANE_NODE, GROUPS, STEPS, WORKER_NODE
from kubeadm_upgrade.query import Completed

Argv = tuple[str, ...]

EXAMPLES = Path(__file__).parent.parent / "rights" / "examples.json"

# not as root, and not by Run's own sudo: sudo itself is what is asked
WHOLE_LIST = Run(("sudo", "-n", "-l"), root=False)

_WHO = re.compile(r"^User (?P<user>\S+) may run the following commands", re.MULTILINE)
_RULE = re.compile(r"^\s+\((?P<as>[^)]*)\)\s+(?P<rest>.*)$")
_TAGS = re.compile(r"^((?:[A-Z_]+: )*)(.*)$")


@dataclass(frozen=True)
class SudoList:
    """What `sudo -l` lists, as far as it matters here."""

    user: str = ""
    everything: bool = False  # without a password, and nothing taken back
    with_password: tuple[str, ...] = ()  # what a rule allows that nothing behind it takes back or frees from it


def asking(argv: Argv) -> Run:
    return Run(("sudo", "-n", "-l", "--", *argv), root=False)


def is_allowed(completed: Completed) -> bool | None:
    """None where there is no such program: then nothing of it will be run either."""
    if completed.exit_status == 0:
        return True
    return None if "command not found" in completed.stderr else False


def examples(*, control_plane: bool) -> tuple[Argv, ...]:
    """One command for every rule that matters on such a host. Looks, which differ by what is found, on every host."""
    groups = CONTROL_PLANE_NODE if control_plane else WORKER_NODE
    here = {step.name for group in groups for step in GROUPS[group]}
    return tuple(argv for wanted_by, argv in _examples() if any(one not in STEPS or one in here for one in wanted_by))


@cache
def _examples() -> Sequence[tuple[tuple[str, ...], Argv]]:
    """Written down from the code by `sudoers --examples`: rehearsing all steps for them takes half a minute."""
    return [(tuple(one["wanted_by"]), tuple(one["argv"])) for one in json.loads(EXAMPLES.read_text())]


def read_list(text: str) -> SudoList:
    """`sudo -l`: of the rules that match a command, the last one decides."""
    everything = False
    with_password: list[str] = []
    for command, free in _rules(text.splitlines()):
        if command == "!ALL":
            everything, with_password = False, []
        elif command.startswith("!"):
            everything = False
        elif command == "ALL":
            everything, with_password = free, [] if free else [command]
        elif not free:
            everything = False
            with_password.append(command)
    who = _WHO.search(text)
    return SudoList(who["user"] if who else "", everything, tuple(with_password))


def _rules(lines: Iterable[str]) -> Iterator[tuple[str, bool]]:
    """Each command that is allowed or taken back as root, and whether without a password. A tag holds on to the end."""
    for line in lines:
        match = _RULE.match(line)
        if match is None or not {"ALL", "root"} & set(re.split(r"[\s,:]+", match["as"].partition(":")[0])):
            continue
        free = False
        for command in re.split(r"(?<!\\), ", match["rest"]):
            tags, argv = _TAGS.match(command).groups()  # type: ignore[union-attr]
            free = ("NOPASSWD:" in tags) or (free and "PASSWD:" not in tags.replace("NOPASSWD:", ""))
            yield argv, free
