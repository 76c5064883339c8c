"""A lane: the nodes of one kind in their order, who of them is out of service, and who is done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from kubeadm_upgrade.ledger.ledger import WORKER
from kubeadm_upgrade.rollout.placement import Placed


@dataclass(frozen=True)
class Member:
    """How a node of a lane stands."""

    finished: bool  # at the target, Ready, and not cordoned by us
    ready: bool = True
    in_service: bool = True  # schedulable, or out of service since before this run and so not counted
    not_ready_since: datetime | None = None
    changes_minor: bool = False  # what this run does to it: an exclusion may forbid that

    @property
    def why_unavailable(self) -> str | None:
        if not self.ready:
            return "is not Ready"
        return None if self.in_service else "is cordoned"


@dataclass(frozen=True)
class Lane:
    """All that decides whether one more node of its kind may be taken out of service."""

    name: str
    limit: int
    order: tuple[str, ...]
    members: Mapping[str, Member]  # every node of the kind, also those of no run; not those that were given up
    holders: frozenset[str] = frozenset()
    strangers: frozenset[str] = frozenset()  # of the holders, those whose slot is an earlier run's
    left_out: frozenset[str] = frozenset()  # cordoned by us: going on with them takes nobody more out of service
    gone: frozenset[str] = frozenset()  # with a slot in the ledger, and no longer in the cluster
    group: str = ""  # the task group whose nodes they are
    groups: tuple[Placed, ...] = ()  # of workers, in their order
    failed: frozenset[str] = frozenset()  # in this run, until they are back in service

    def is_finished(self, node: str) -> bool:
        return node in self.members and self.members[node].finished

    @property
    def counted(self) -> frozenset[str]:
        """Holders that count. An earlier run's on a worker in service does not: that run may do nothing any more."""
        if self.name != WORKER:
            return self.holders
        return self.holders - {name for name in self.strangers if self._is_in_service(name)}

    @property
    def out(self) -> int:
        """How many are out of service, by whatever hand."""
        return len(self.counted | {name for name, member in self.members.items() if member.why_unavailable})

    def was_begun(self, node: str) -> bool:
        """Whether it is out of service already, or an earlier run has begun with it: no group comes before it."""
        return node in self.left_out or node in self.strangers

    def group_of(self, node: str) -> Placed | None:
        return next((group for group in self.groups if node in group.nodes), None)

    def ahead_of(self, node: str) -> tuple[str, ...]:
        """Who comes first and has not begun; nobody before one that is out already, none that has left the cluster.

        Nor one that has failed before it was begun with: it is for a person.
        """
        if node in self.left_out:
            return ()
        earlier = self.order[: self.order.index(node)] if node in self.order else ()
        return tuple(
            name
            for name in earlier
            if name in self.members
            and name not in self.failed
            and not self.is_finished(name)
            and not self._has_begun(name)
        )

    def before(self, node: str) -> tuple[str, ...]:
        """Those of its own group: when another group's turn is, is the groups' to say."""
        group = self.group_of(node)
        ahead = self.ahead_of(node)
        return ahead if group is None else tuple(name for name in ahead if name in group.nodes)

    @property
    def begun(self) -> bool:
        """Whether any node of this run's is done, or has its slot."""
        return any(self.is_finished(name) or self._has_begun(name) for name in self.order)

    @property
    def left(self) -> tuple[str, ...]:
        """Of this run's nodes that are there, those that are not done."""
        return tuple(name for name in self.order if name in self.members and not self.is_finished(name))

    def turns_until(self, node: str) -> int:
        """How many rounds of slots come before this node's; the last of a hundred need not look every two seconds."""
        return 1 + len(self.ahead_of(node)) // max(1, self.limit)

    def _is_in_service(self, name: str) -> bool:
        member = self.members.get(name)
        return member is not None and member.why_unavailable is None

    def _has_begun(self, name: str) -> bool:
        return name in self.holders and name not in self.strangers
