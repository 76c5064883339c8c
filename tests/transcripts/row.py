"""A row of the table: one look or answer of a tool, who can be asked for it, and what holds whoever answers."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubeadm_upgrade.actions import Run
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.query import Completed, Query
from kubeadm_upgrade.version import Version
from transcripts.shape import Difference, differences, skeleton

GOLDEN_FILES = Path(__file__).resolve().parents[1] / "golden"
GOLDEN_NODES = ("cp1", "w1", "w2")


class Source(enum.Enum):
    """Where a transcript comes from."""

    GOLDEN = "golden"
    LAB = "lab"
    REAL = "real"


class Kind(enum.Enum):
    """What host is asked."""

    APT = "apt"
    DNF = "dnf"
    CONTROL_PLANE = "control plane"
    NEWER = "newer control plane"  # its kubeadm, of 1.32 or later, answers in another form, and in JSON


KINDS = {
    Source.LAB: frozenset({Kind.APT, Kind.CONTROL_PLANE, Kind.NEWER}),  # it has no dnf
    Source.REAL: frozenset({Kind.APT, Kind.DNF, Kind.CONTROL_PLANE}),  # its kubeadm asks the lab, one release is enough
}


class When(enum.IntEnum):
    """Situations of one upgrade, in their order."""

    FOUND = 0
    STAGED = 1  # and backed up
    KUBEADM_NEW = 2  # on the first control plane node
    UPGRADED = 3


@dataclass(frozen=True)
class Place:
    """What is known of a host that answers: looks are made from it."""

    node: str
    hop: Hop
    kubelet_pid: int


RECORDED = Place(
    "cp1",
    Hop("golden", Version(1, 22, 17), Version(1, 23, 17), {}, ("cp1",), ("w1", "w2")),
    654,
)


@dataclass(frozen=True)
class Transcript:
    """What a source printed for one look."""

    source: Source
    text: str
    nodes: Sequence[str]  # the names of its cluster's nodes


@dataclass(frozen=True)
class Answer:
    """What a host said."""

    look: Query[Any]
    completed: Completed
    transcript: Transcript

    def read(self) -> Any:
        """As the product reads it: an exit status that is no answer fails."""
        assert self.completed.exit_status in self.look.answers, f"{self.look.run}: {self.completed}"
        return self.look.read(self.completed.stdout)


@dataclass(frozen=True)
class Recording:
    """A file of golden, or the part of it that is the answer to this one command."""

    file: str
    part: Callable[[str], str] = str
    reads: Any = None  # exactly what is read from it, where it is worth saying

    @property
    def transcript(self) -> Transcript:
        text = (GOLDEN_FILES / self.file).read_bytes().decode()  # a carriage return stays one
        return Transcript(Source.GOLDEN, self.part(text), GOLDEN_NODES)


@dataclass(frozen=True)
class Must:
    """What holds of everything that was read, in words and as a predicate."""

    words: str
    hold: Callable[[Any], object]

    def check(self, read: Any, where: str) -> None:
        assert self.hold(read), f"{where}: not so: {self.words}: {read!r}"


@dataclass(frozen=True)
class Differs:
    """A line of a skeleton, as a pattern, in which a source is allowed to be unlike the others."""

    source: Source
    line: str
    why: str

    def allows(self, difference: Difference) -> bool:
        return re.fullmatch(self.line, difference.line) is not None


@dataclass(frozen=True)
class Row:
    """`of` is the product's own look, or what makes it of the values that `given` takes from the place."""

    name: str
    of: Query[Any] | Callable[..., Any]
    must: Must
    kinds: tuple[Kind, ...]
    golden: Recording | None = None
    given: Callable[[Place], tuple[Any, ...]] = lambda place: ()
    which: int = 0  # where `of` makes more than one look
    when: When = When.FOUND
    before: tuple[Run, ...] | Callable[[Place], Iterable[Run]] = ()  # what must have been done on the host
    shape: Callable[[str, Sequence[str]], tuple[str, ...]] = skeleton
    differs: tuple[Differs, ...] = ()

    def look(self, place: Place) -> Query[Any]:
        if isinstance(self.of, Query):
            return self.of
        made = self.of(*self.given(place))
        one: Query[Any] = made if isinstance(made, Query) else made[self.which]
        return one

    def check_golden(self) -> None:
        assert self.golden is not None
        read = self.look(RECORDED).read(self.golden.transcript.text)
        self.must.check(read, f"{self.name}, {self.golden.file}")
        assert self.golden.reads in (None, read)

    def asked_of(self, source: Source) -> tuple[Kind, ...]:
        return tuple(kind for kind in self.kinds if kind in KINDS[source])

    def compare(self, judge: Transcript, found: Transcript) -> frozenset[Differs]:
        """Fails where the skeletons differ in what no allowance names; returns the allowances that were needed."""
        told, page = differences(
            judge.source.value,
            self.shape(judge.text, judge.nodes),
            found.source.value,
            self.shape(found.text, found.nodes),
        )
        allowances = self.allowances(judge.source, found.source)
        unlike = [str(one) for one in told if not any(each.allows(one) for each in allowances)]
        assert not unlike, f"{self.name}:\n" + "\n".join(unlike) + f"\n\n{page}"
        return frozenset(each for each in allowances if any(map(each.allows, told)))

    def allowances(self, *between: Source) -> tuple[Differs, ...]:
        return tuple(one for one in self.differs if one.source in between)
