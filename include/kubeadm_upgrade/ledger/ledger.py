"""The ledger's content as a value, and what may become of it. How it is written in the cluster: wire.py.

It is changed only as it was looked at (resourceVersion), so two Airflows, a retried task and a person with kubectl
all see the same. Nothing in it expires by time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from kubeadm_upgrade.approval.approval import Approval
from kubeadm_upgrade.assignment import RunId
from kubeadm_upgrade.ledger.permit import Permit, PermittedPod

CONTROL_PLANE = "control-plane"
WORKER = "worker"

MOST_DURATIONS = 50  # of each step: the newest ones
MOST_TOLD = 300  # characters of a reason: the log has all of it


@dataclass(frozen=True)
class Holder:
    """The run that may act on this cluster: the only one (invariant I8)."""

    run: RunId
    since: datetime
    released: datetime | None = None  # it has ended; it may come back until somebody else has come
    judged: datetime | None = None  # when preflight last found nothing that blocks
    unwell: tuple[str, ...] | None = None  # workloads that were so when it did first; None: nobody has looked


@dataclass(frozen=True)
class Failure:
    """Of a kubeadm upgrade, as a person was told of it."""

    unit: str
    why: str  # it outlives the unit, its journal and the log of the first try
    at: datetime | None = None
    # Not so for a run that takes the slot, and was waiting already when it happened, or was started by nobody.
    told: bool = True


@dataclass(frozen=True)
class Slot:
    """A node that is out of service, or may be taken out of it, and for which run."""

    lane: str
    run: RunId
    since: datetime | None = None
    doing: str = ""  # the unit of a kubeadm upgrade that was begun here, and is not known to have ended well
    failure: Failure | None = None


@dataclass(frozen=True)
class Failed:
    """A worker whose task has failed, for a person: what a rollout counts until it is back in service."""

    run: RunId
    why: str


@dataclass(frozen=True)
class Soak:
    """Since when a group of workers is done, at which version."""

    to: str
    since: datetime


@dataclass(frozen=True)
class Ledger:
    """Everything that runs must agree on."""

    holder: Holder | None = None
    slots: Mapping[str, Slot] = field(default_factory=dict)  # by node
    given_up: Mapping[str, str] = field(default_factory=dict)  # node -> reason; until the next run comes
    paused: str | None = None  # why; until somebody takes it out
    aborted: str | None = None  # why; until the next run comes
    etcd_pin: str | None = None  # the etcd image tag that this tool has fixed in kubeadm-config
    durations: Mapping[str, tuple[float, ...]] = field(default_factory=dict)  # step -> seconds, oldest first
    approved: Approval | None = None  # the last one; of a path, which its runs carry
    failed_nodes: Mapping[str, Failed] = field(default_factory=dict)  # worker -> why; until the next run comes
    soaks: Mapping[str, Soak] = field(default_factory=dict)  # by group
    permits: Mapping[str, Permit] = field(default_factory=dict)  # by node: Pods that its drain may delete

    def is_held_by(self, run: RunId) -> bool:
        """Whether this run may act: also one that has ended and is cleared, as long as nobody came after it."""
        return self.holder is not None and self.holder.run == run

    @property
    def ended_at(self) -> str:
        """When the run that holds the cluster has ended, to the second; "" while it goes on."""
        released = self.holder.released if self.holder else None
        return released.isoformat(timespec="seconds") if released else ""

    @property
    def marks(self) -> dict[str, Any]:
        """What people have written into it, as plain JSON; `run`: the one that they are about."""
        run = self.holder.run.dag_run if self.holder else None
        return {"paused": self.paused, "aborted": self.aborted, "given_up": dict(self.given_up), "run": run}

    def held_in(self, lane: str) -> frozenset[str]:
        return frozenset(node for node, slot in self.slots.items() if slot.lane == lane)

    @property
    def at_work_on(self) -> frozenset[str]:
        """The nodes that the run which holds the cluster has begun with."""
        holder = self.holder
        return frozenset(node for node, slot in self.slots.items() if holder is not None and slot.run == holder.run)

    def slot_of(self, node: str, run: RunId) -> Slot | None:
        """The node's slot where it is this run's own: another run's serves nobody."""
        slot = self.slots.get(node)
        return slot if slot is not None and slot.run == run else None

    def permit_of(self, node: str, run: RunId) -> Permit | None:
        """What this run may delete on the node; None also where another has the cluster by now."""
        permit = self.permits.get(node)
        return permit if permit is not None and permit.run == run and self.is_held_by(run) else None

    @property
    def deleted_pods(self) -> frozenset[str]:
        """UIDs of Pods that drains have deleted, or are about to: nobody may count on them."""
        return frozenset(one.uid for permit in self.permits.values() for one in permit.deleted)

    def claimed(self, run: RunId, now: datetime, give_up: Iterable[str] = ()) -> Ledger:
        """What an earlier run gave up, or was told to abort, ends with it; its slots stay until they are taken."""
        mine = dict.fromkeys(give_up, "parameter give_up")
        if self.is_held_by(run):
            return replace(self.resumed(), given_up={**mine, **self.given_up})
        return replace(self, holder=Holder(run, now), given_up=mine, aborted=None, failed_nodes={}, permits={})

    def resumed(self) -> Ledger:
        """A run that had ended acts again: one of its tasks was cleared."""
        return self._on_holder(released=None)

    def released(self, now: datetime, durations: Mapping[str, Iterable[float]] | None = None) -> Ledger:
        more = {} if self.ended_at else durations or {}  # a report that is written again has told them already
        kept = {
            step: tuple([*self.durations.get(step, ()), *more.get(step, ())][-MOST_DURATIONS:])
            for step in sorted({*self.durations, *more})
        }
        return replace(self._on_holder(released=now), durations=kept, permits={})

    def approved_as(self, approval: Approval) -> Ledger:
        """In the place of an earlier approval: there is one path at a time."""
        return replace(self, approved=approval)

    def at_the_end_of_its_path(self) -> Ledger:
        """What was approved is done. After a restore it would be to do again, and nobody has agreed to that."""
        return replace(self, approved=None)

    def judged(self, now: datetime, unwell: Iterable[str] | None = None) -> Ledger:
        """What was unwell at the first judgement of a run stays so noted: later it may be the run's own doing."""
        noted = self.holder.unwell if self.holder else None
        first = tuple(unwell) if unwell is not None and noted is None else noted
        return self._on_holder(judged=now, unwell=first)

    def taken(self, node: str, lane: str, run: RunId, now: datetime) -> Ledger:
        """The slot of an earlier run is this one's from now on, with all that is known of the node.

        Whoever starts a run may have seen every failure before it, and none that comes while the run waits.
        """
        earlier = self.slots.get(node, Slot(lane, run))
        failure = earlier.failure
        if failure is not None and earlier.run != run:
            failure = replace(failure, told=failure.at is not None and run.began_after(failure.at))
        slot = replace(earlier, lane=lane, run=run, since=earlier.since or now, failure=failure)
        return self._with_slot(node, slot).mended(node)

    def given_back(self, node: str) -> Ledger:
        left = {name: slot for name, slot in self.slots.items() if name != node}
        permits = {name: permit for name, permit in self.permits.items() if name != node}
        return replace(self, slots=left, permits=permits).mended(node)

    def permitted(self, node: str, run: RunId, pods: Iterable[PermittedPod]) -> Ledger:
        """Beside what was agreed to before, in this run."""
        permit = (self.permit_of(node, run) or Permit(run)).extended(pods)
        return replace(self, permits={**self.permits, node: permit})

    def deleting(self, node: str, uid: str, now: datetime | None) -> Ledger:
        """Before it is done; the first time stands. None: it was not done after all."""
        permit = self.permits.get(node)
        there = permit.of(uid) if permit else None
        if permit is None or there is None or (now and there.deleted):
            return self
        return replace(self, permits={**self.permits, node: permit.noted(uid, now)})

    def with_failed(self, node: str, run: RunId, why: str) -> Ledger:
        """The first reason stays, since it is the cause of much that comes after it. Of a run that is over, nothing."""
        there = self.failed_nodes.get(node)
        if not self.is_held_by(run) or (there is not None and there.run == run):
            return self
        first_line = why.partition("\n")[0][:MOST_TOLD]
        return replace(self, failed_nodes={**self.failed_nodes, node: Failed(run, first_line)})

    def mended(self, node: str) -> Ledger:
        return replace(self, failed_nodes={name: one for name, one in self.failed_nodes.items() if name != node})

    def soaking(self, group: str, to: str, since: datetime | None) -> Ledger:
        """None: it does not, for a node of it is not done after all."""
        others = {name: one for name, one in self.soaks.items() if name != group}
        return replace(self, soaks={**others, group: Soak(to, since)} if since else others)

    def begun(self, node: str, unit: str) -> Ledger:
        return self._on_slot(node, doing=unit)

    def ended(self, node: str) -> Ledger:
        return self._on_slot(node, doing="", failure=None)

    def failed(self, node: str, unit: str, why: str, now: datetime) -> Ledger:
        return self._on_slot(node, failure=Failure(unit, why, now))

    def _on_holder(self, **changes: Any) -> Ledger:
        return self if self.holder is None else replace(self, holder=replace(self.holder, **changes))

    def _on_slot(self, node: str, **notes: Any) -> Ledger:
        """A note on a slot that is gone (taken out by hand) says nothing to anybody."""
        return self._with_slot(node, replace(self.slots[node], **notes)) if node in self.slots else self

    def _with_slot(self, node: str, slot: Slot) -> Ledger:
        return replace(self, slots={**self.slots, node: slot})
