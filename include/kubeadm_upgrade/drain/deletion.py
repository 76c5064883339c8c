"""Which Pods are never deleted instead of evicted, whoever has agreed to it: a list of rules, asked right before each.

What stands here is asked of a namespace as it is at that moment. A Pod is kept where another could not take its place
at once: of what serves there must be one more that is healthy, by its owner and by every budget over it. And none that
is to be there may be missing beside it: so whatever has become of the one before, by whom, and whether anybody knows,
the next waits until it is replaced, and what lives by a quorum keeps it. Healthy is Ready, and on no way out. A Pod
that is not healthy itself is no exception: a node that is silent makes all its Pods unready, and the last of them may
still serve. What cannot be known is a reason to keep it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from kubeadm_upgrade.drain.obstacle import Budget, over
from kubeadm_upgrade.drain.pod import PodFacts
from kubeadm_upgrade.drain.pod_object import Owner, owner_of
from kubeadm_upgrade.drain.selector import selector_of
from kubeadm_upgrade.reading import name_of, reading
from kubeadm_upgrade.wording import count

Json = Mapping[str, Any]

SYSTEM = "kube-system"
# Whose Pods stand in for each other: copies of one template. A Job's are not, and of other kinds nobody knows it.
REPLICATED = ("ReplicaSet", "StatefulSet")
# Who has several ReplicaSets of one thing, for its templates of before and of now. An operator may have some too, and
# StatefulSets, of things that cannot stand in for each other: its masters and its data.
OF_REPLICA_SETS = ("Deployment", "Rollout")


class Workload(NamedTuple):
    """What Pods are replicas of: a StatefulSet, a ReplicaSet, or the Deployment that makes it."""

    kind: str
    namespace: str
    name: str
    uid: str

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"


class Under(NamedTuple):
    """A budget with all that it is over: what is to be there of a workload may not be there."""

    budget: Budget
    pods: tuple[PodFacts, ...]
    workloads: frozenset[Workload]

    def __str__(self) -> str:
        return f"budget {self.budget.namespace}/{self.budget.name}"


@dataclass(frozen=True)
class Around:
    """A namespace at one moment: all that the rules ask about."""

    pods: Sequence[PodFacts] = ()
    owners: Mapping[Owner, Json | None] = field(default_factory=dict)  # None: there is no such object any more
    budgets: Sequence[Json] = ()
    deleted: frozenset[str] = frozenset()  # UIDs that some drain has deleted, or is about to: nobody counts on them

    def pod(self, uid: str) -> PodFacts | None:
        return next((pod for pod in self.pods if pod.uid == uid), None)

    def is_healthy(self, pod: PodFacts) -> bool:
        return pod.ready and not pod.terminating and not pod.finished and pod.uid not in self.deleted

    def workload_of(self, pod: PodFacts) -> Workload | None:
        """None where it is not known, or not there any more."""
        owner = owner_of(pod)
        found = self.owners.get(owner) if owner and pod.owner_kind in REPLICATED else None
        if owner is None or found is None:
            return None
        with reading(_named(owner)):
            return _made_for(owner, found["metadata"]) if found["metadata"]["uid"] == pod.owner_uid else None

    def replicas(self, workload: Workload) -> tuple[PodFacts, ...]:
        return tuple(pod for pod in self.pods if self.workload_of(pod) == workload)

    def wanted(self, workload: Workload) -> int:
        """How many replicas it is to have: of a Deployment in a rollout, those of before and of now."""
        return sum(number for of, number, _ in self._made() if of == workload)

    def under(self, pod: PodFacts) -> Iterator[Under]:
        """Each budget over a Pod."""
        for plain in self.budgets:
            for budget in over(pod.labels, [plain]):
                with reading(f"PodDisruptionBudget {name_of(plain)}"):
                    selector = selector_of(plain["spec"]["selector"])
                pods = tuple(one for one in self.pods if selector and selector.matches(one.labels))
                wanted = {of for of, _, labels in self._made() if selector and selector.matches(labels)}
                found = {of for one in pods if (of := self.workload_of(one))}
                yield Under(budget, pods, frozenset(wanted | found))

    def _made(self) -> Iterator[tuple[Workload, int, Mapping[str, str]]]:
        """For whom each owner makes Pods, how many, and with which labels."""
        for owner, found in self.owners.items():
            if found is not None and owner[0] in REPLICATED:
                with reading(_named(owner)):
                    labels = found["spec"]["template"]["metadata"].get("labels") or {}
                    yield _made_for(owner, found["metadata"]), found["spec"].get("replicas", 1), labels

    def others_healthy(self, pod: PodFacts, among: Iterable[PodFacts]) -> int:
        return sum(self.is_healthy(one) for one in among if one.uid != pod.uid)


def _named(owner: Owner) -> str:
    return f"{owner[0]} {owner[1]}/{owner[2]}"


def _made_for(owner: Owner, meta: Json) -> Workload:
    above = next((one for one in meta.get("ownerReferences") or () if one.get("controller")), None)
    if owner[0] != "ReplicaSet" or above is None or above["kind"] not in OF_REPLICA_SETS:
        return Workload(*owner, meta["uid"])
    return Workload(above["kind"], owner[1], above["name"], above["uid"])


Rule = Callable[[PodFacts, Around], str | None]


def of_the_system(pod: PodFacts, around: Around) -> str | None:
    """What a cluster lives on, whatever its budgets say."""
    return f"it is of {SYSTEM}" if pod.namespace == SYSTEM else None


def without_controller(pod: PodFacts, around: Around) -> str | None:
    """It has no other replica, and nobody would make it anew."""
    return "it has no controller, and would be lost" if pod.owner_kind is None or pod.mirror else None


def of_a_kind_without_replicas(pod: PodFacts, around: Around) -> str | None:
    if pod.owner_kind in REPLICATED:
        return None
    return f"it is of a {pod.owner_kind}, and whether another of its Pods could take its place is not known"


def of_an_owner_that_is_gone(pod: PodFacts, around: Around) -> str | None:
    """Then nobody makes another; a namesake that has come since is not its owner."""
    if around.workload_of(pod) is not None:
        return None
    return f"its {pod.owner_kind} {pod.owner_name} is not there, and its replicas cannot be counted"


def last_of_its_workload(pod: PodFacts, around: Around) -> str | None:
    workload = around.workload_of(pod)
    if workload is None or around.others_healthy(pod, around.replicas(workload)):
        return None
    return _last(pod, around, str(workload))


def last_under_a_budget(pod: PodFacts, around: Around) -> str | None:
    """A budget may be over Pods of several workloads that serve for each other, or over some of one."""
    for one in around.under(pod):
        if not around.others_healthy(pod, one.pods):
            return _last(pod, around, str(one))
    return None


def under_a_budget_that_is_not_counted(pod: PodFacts, around: Around) -> str | None:
    """Somebody has just changed it, and it may allow the eviction."""
    unseen = (str(one) for one in around.under(pod) if not one.budget.seen)
    return next((f"{one} was changed, and its controller has not counted yet" for one in unseen), None)


def beside_one_that_is_missing(pod: PodFacts, around: Around) -> str | None:
    """As many Pods as owners want, and not as a budget does: that one has been gone around."""
    mine = around.workload_of(pod)
    return _missing(pod, around, mine) if mine else None


def beside_one_that_is_missing_under_a_budget(pod: PodFacts, around: Around) -> str | None:
    for under in around.under(pod):
        for workload in sorted(under.workloads):
            if said := _missing(pod, around, workload):
                return f"{said} ({under} is over them as well)"
        alone = (one for one in under.pods if one.uid != pod.uid and around.workload_of(one) is None)
        if ill := next((one for one in alone if not one.finished and not around.is_healthy(one)), None):
            return f"pod {ill} is not healthy, and {under} is over it as well"
    return None


def _missing(pod: PodFacts, around: Around, workload: Workload) -> str | None:
    wanted = around.wanted(workload) - (workload == around.workload_of(pod))
    healthy = around.others_healthy(pod, around.replicas(workload))
    if healthy >= wanted:
        return None
    few = f"{healthy or 'none'} {'are' if healthy > 1 else 'is'} healthy"
    return f"of {count(wanted, 'other Pod')} of {workload} {few}: it waits until all are"


def _last(pod: PodFacts, around: Around, of: str) -> str:
    return f"it is the last healthy Pod of {of}" if around.is_healthy(pod) else f"no other Pod of {of} is healthy"


RULES: tuple[Rule, ...] = (
    of_the_system,
    without_controller,
    of_a_kind_without_replicas,
    of_an_owner_that_is_gone,
    under_a_budget_that_is_not_counted,
    last_of_its_workload,
    last_under_a_budget,
    beside_one_that_is_missing,
    beside_one_that_is_missing_under_a_budget,
)


def why_kept(pod: PodFacts, around: Around) -> str | None:
    """Why it is not deleted as things are now; None where nothing speaks against it but its budget."""
    return next((said for rule in RULES if (said := rule(pod, around))), None)
