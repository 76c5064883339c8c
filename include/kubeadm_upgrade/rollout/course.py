"""How far a rollout has come: which groups are through, which soak, and whom a group waits for.

A group is through once its nodes of this run are done and it has soaked. The soak is counted from a note in the ledger,
which whoever waits behind the group makes when it sees its last node done: so it survives whatever dies meanwhile, and
where the note is lost the group soaks anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from kubeadm_upgrade.admission.lane import Lane
from kubeadm_upgrade.ledger.ledger import Ledger
from kubeadm_upgrade.rollout.placement import Placed
from kubeadm_upgrade.version import Version


@dataclass(frozen=True)
class Course:
    """A rollout to a version, at a moment."""

    lane: Lane
    ledger: Ledger
    to: Version
    now: datetime
    goes_on: bool = False  # with a rollout of which an earlier run has done a part

    def to_go(self, group: Placed) -> tuple[str, ...]:
        """Its nodes of this run that are not done. One that has failed is not waited for, but in the canary."""
        lane = self.lane
        excused = frozenset[str]() if group.is_canary else lane.failed
        here = frozenset(group.nodes) - excused
        return tuple(
            name
            for name in lane.order
            if name in here and name in lane.members and (name in lane.holders or not lane.is_finished(name))
        )

    def soaks_since(self, group: Placed) -> datetime | None:
        """When its last node was seen done; None where nobody has noted it for this version."""
        soak = self.ledger.soaks.get(group.name)
        return soak.since if soak is not None and soak.to == str(self.to) else None

    def soak_left(self, group: Placed) -> timedelta:
        """What is left of it. Nothing for a group that has no node in this rollout."""
        if not group.soak or not self._moves(group):
            return timedelta()
        since = self.soaks_since(group)
        return group.soak if since is None else max(timedelta(), since + group.soak - self.now)

    def _moves(self, group: Placed) -> bool:
        """Whether a node of it is this run's, or may have been that of the run before: whose last ones nobody was
        behind, to note that they are done.
        """
        members = self.lane.members
        here = [name for name in group.nodes if name in members]
        before = self.goes_on and any(members[name].finished for name in here)
        return before or not set(self.lane.order).isdisjoint(here)

    def is_through(self, group: Placed) -> bool:
        """A group that has soaked to the end is, whatever becomes of its nodes later: other gates look at those."""
        if self.soak_left(group):
            return False
        return (bool(group.soak) and self.soaks_since(group) is not None) or not self.to_go(group)

    def waits_for(self, group: Placed, at_once: int) -> Placed | None:
        """The group that this one comes after: one that it depends on, or of those before it one too many."""
        not_through = [one for one in self.lane.groups if not self.is_through(one)]
        if needed := next((one for one in not_through if one.name in group.depends_on), None):
            return needed
        ahead = self.lane.groups[: self.lane.groups.index(group)]
        names = {one.name for one in not_through}
        under_way = [one for one in ahead if one in not_through and not names.intersection(one.depends_on)]
        return under_way[0] if len(under_way) >= at_once else None

    @property
    def to_note(self) -> Iterator[tuple[str, bool]]:
        """The groups whose soak begins now, and those that do not soak after all: a node is out again."""
        for group in self.lane.groups:
            if not self.soak_left(group):
                continue
            begun, done = self.soaks_since(group) is not None, not self.to_go(group)
            if begun != done:
                yield group.name, done
