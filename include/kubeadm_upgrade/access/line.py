"""A line of a check: one question about the API or about one host, and how it stands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Protocol

from kubeadm_upgrade.errors import NeedsPerson
from kubeadm_upgrade.wording import shortened

_NAMES_SHOWN = 4


class State(StrEnum):
    """How a question stands. Only `ok` and `mind` let a run through: what is not known is not passed."""

    OK = "ok"
    MIND = "mind"  # it works, and somebody should know
    WRONG = "wrong"
    UNKNOWN = "unknown"  # it was asked, and the answer says neither
    NOT_REACHED = "not reached"  # what comes before it is wrong


@dataclass(frozen=True)
class Line:
    """`what` is the answer, or what is wrong; `do` is said with whatever is not ok."""

    subject: str
    question: str
    state: State
    what: str = ""
    do: str = ""

    @property
    def passes(self) -> bool:
        return self.state in (State.OK, State.MIND)

    def to_json(self) -> dict[str, str]:
        return asdict(self)

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Line:
        return cls(**{**plain, "state": State(plain["state"])})

    def __str__(self) -> str:
        return f"{self.subject}: {self.question}: {self.state}" + (f": {self.what}" if self.what else "")


class Watcher(Protocol):
    """Whoever is told of lines as they come: hosts are asked side by side, and a slow one holds nobody up."""

    def expect(self, hosts: Sequence[str]) -> None:
        """These hosts are asked now."""

    def add(self, lines: Sequence[Line]) -> None:
        """These lines are known now."""


class Unwatched:
    """For whoever waits for the end."""

    def expect(self, hosts: Sequence[str]) -> None:
        pass

    def add(self, lines: Sequence[Line]) -> None:
        pass


@dataclass(frozen=True)
class Trouble:
    """What is not ok, once: also where it is the same on many hosts."""

    subjects: tuple[str, ...]
    question: str
    state: State
    what: str
    do: str

    @property
    def where(self) -> str:
        many = f"{len(self.subjects)} hosts: " if len(self.subjects) > 1 else ""
        return f"{many}{shortened(self.subjects, _NAMES_SHOWN)}: {self.question}"

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


def troubles(lines: Iterable[Line]) -> Iterator[Trouble]:
    """Those that pass with a word, and those that do not. What was not reached is behind one of these, and not told.

    What differs by the host alone is the same, and said of none of them.
    """
    found: dict[tuple[str, State, str, str], list[Line]] = {}
    for line in lines:
        if line.state not in (State.OK, State.NOT_REACHED):
            found.setdefault((line.question, line.state, *_of_any_host(line)), []).append(line)
    for (question, state, *of_any), same in found.items():
        what, do = of_any if len(same) > 1 else (same[0].what, same[0].do)
        yield Trouble(tuple(sorted((line.subject for line in same), key=by_number)), question, state, what, do)


def _of_any_host(line: Line) -> tuple[str, str]:
    """`w1 (10.0.0.11 port 22): refused by 10.0.0.11` without names and addresses."""
    node = re.escape(line.subject)
    do = re.sub(rf"\bnodes\.{node}\.", "nodes.NODE.", line.do)
    if (match := re.match(rf"{node} \((?P<host>\S+?)(?: (?P<port>port \d+))?\): ", line.what)) is None:
        return line.what, do
    port = f"{match['port']}: " if match["port"] else ""
    host = re.compile(rf"(?<![\w.:-]){re.escape(match['host'])}(?![\w-]|[.:]\w)")
    return port + host.sub("HOST", line.what[match.end() :]), host.sub("HOST", do)


def by_number(name: str) -> list[tuple[int, str]]:
    """`w2` before `w10`."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def not_passed(lines: Iterable[Line]) -> tuple[Line, ...]:
    return tuple(line for line in lines if not line.passes)


class NoRunPossible(NeedsPerson):
    """A check has found what would stop a run."""

    then = "then clear this task: it asks again"


def refuse(cluster: str, lines: Sequence[Line]) -> None:
    """Raises NoRunPossible with everything that stands against a run, and what to do about each."""
    if not (left := not_passed(lines)):
        return
    wrong = [one for one in troubles(lines) if one.state is not State.MIND]
    behind = sum(line.state is State.NOT_REACHED for line in left)
    told = [f"{cluster}: {_of_all(len(left) - behind, len(lines))}{_behind(behind)}", *map(str, wrong)]
    do = wrong[0].do if len(wrong) == 1 else "mend what the lines above name, each with what to do about it"
    raise NoRunPossible("\n".join(told), do=do)


def _of_all(number: int, of: int) -> str:
    return f"{number} of {of} lines of the check {'does' if number == 1 else 'do'} not pass"


def _behind(number: int) -> str:
    return f", and {number} behind could not be asked" if number else ""


def with_those_not_reached(subject: str, questions: Iterable[str], known: Iterable[Line]) -> Iterator[Line]:
    """Every question in its order: one that has no line yet was not reached."""
    lines = {line.question: line for line in known}
    for question in questions:
        yield lines.get(question, Line(subject, question, State.NOT_REACHED))
