"""From single entries to work: what was done to a node from when to when, and what was ill at that time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from chaos.evidence import Entry, Evidence
from lab.records import ApiRecord, CommandRecord, HealthRecord, PowerRecord, Sample

#: Seconds between a look and what follows from it, on a busy machine.
GRACE = 3.0
_END = float("inf")


@dataclass(frozen=True)
class Work:
    """`what` is done to a node: kubeadm upgrade, or its way from the cordon to Ready and uncordoned."""

    node: str
    what: str
    began: float
    ended: float

    def overlaps(self, other: Work) -> bool:
        return self.began < other.ended and other.began < self.ended

    def __str__(self) -> str:
        return f"{self.what} of {self.node}"


def work_of(evidence: Evidence) -> list[Work]:
    """By the time at which it began."""
    return sorted((*_upgrades(evidence), *_absences(evidence)), key=lambda work: work.began)


def _upgrades(evidence: Evidence) -> Iterator[Work]:
    """Each kubeadm upgrade, to its end: that of its process, or of its machine's power."""
    begun: dict[str, float] = {}
    for entry in evidence.entries:
        if isinstance(entry, PowerRecord) and not entry.on and entry.node in begun:
            yield Work(entry.node, "kubeadm upgrade", begun.pop(entry.node), entry.time)
        if not isinstance(entry, CommandRecord) or not _upgrades_here(entry):
            continue
        if entry.exit_code is None:
            begun.setdefault(entry.node, entry.time)
        elif entry.node in begun:
            yield Work(entry.node, "kubeadm upgrade", begun.pop(entry.node), _when_closed(evidence, entry))
    yield from (Work(node, "kubeadm upgrade", began, _END) for node, began in begun.items())


def _upgrades_here(record: CommandRecord) -> bool:
    return record.unit is not None and record.argv[:2] == ("kubeadm", "upgrade")


def _when_closed(evidence: Evidence, record: CommandRecord) -> float:
    """A record keeps the time at which its command began; it ended before whatever was written down next."""
    following = False
    for entry in evidence.entries:
        if following and not isinstance(entry, CommandRecord):
            return entry.time
        if following and isinstance(entry, CommandRecord) and entry.exit_code is None:
            return entry.time
        following = following or entry is record
    return _END


def _absences(evidence: Evidence) -> Iterator[Work]:
    """From the cordon to Ready and schedulable; of a node that was cordoned before, from its restart to Ready."""
    since: dict[str, float] = {}
    for entry in evidence.entries:
        if not isinstance(entry, CommandRecord | Sample):
            continue
        before = entry.node in evidence.cordoned_before
        if isinstance(entry, CommandRecord):
            if before and entry.argv == ("systemctl", "restart", "kubelet") and entry.exit_code is None:
                since.setdefault(entry.node, entry.time)
        elif entry.ready and (entry.schedulable or before) and entry.node in since:
            yield Work(entry.node, "the absence", since.pop(entry.node), entry.time)
        elif not entry.schedulable and not before:
            since.setdefault(entry.node, entry.time)
    yield from (Work(node, "the absence", began, _END) for node, began in since.items())


def looked_before(evidence: Evidence, moment: float) -> frozenset[tuple[str, str]]:
    """What had been ill all the time from `GRACE` before this moment until it: whoever acts then must have seen it."""
    now: frozenset[tuple[str, str]] = frozenset()
    at_look: frozenset[tuple[str, str]] = frozenset()
    for entry in evidence.entries:
        if isinstance(entry, HealthRecord) and entry.time <= moment:
            if entry.time <= moment - GRACE:
                at_look = entry.ailing
            else:
                at_look &= entry.ailing
            now = entry.ailing
    return at_look & now


def begins_outside(entry: Entry, since: float) -> bool:
    """Something that changes hosts or Nodes begins after that moment; what a unit does goes on to its end."""
    if isinstance(entry, CommandRecord):
        return entry.mutating and entry.unit is None and entry.exit_code is None and entry.time > since
    if isinstance(entry, ApiRecord):
        return (
            entry.time > since and entry.status < 400 and ("/nodes/" in entry.path or entry.path.endswith("/eviction"))
        )
    return False
