"""Which Pods leave a node in a drain, which stay, and which forbid it: a list of filters, in kubectl's order.

https://kubernetes.io/docs/tasks/administer-cluster/safely-drain-node/ · kubectl's own are in pkg/drain/filters.go
The first filter that has something to say decides; a Pod that none has anything to say of is evicted. A new reason is a
function and its place in FILTERS.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from kubeadm_upgrade.drain.pod import PodFacts
from kubeadm_upgrade.drain.policy import DrainPolicy
from kubeadm_upgrade.drain.rule import Behavior, Treatment, treatment_of


class Fate(Enum):
    """What becomes of a Pod in a drain."""

    GOES = "goes"
    STAYS = "stays"
    BLOCKS = "blocks"  # the drain does not begin while it is so


@dataclass(frozen=True)
class Verdict:
    """What becomes of one Pod, why, and how what is refused may be allowed."""

    pod: PodFacts
    fate: Fate
    why: str = ""
    allow: str = ""
    treatment: Treatment = Treatment()

    def __str__(self) -> str:
        return f"pod {self.pod} {self.why}" + (f" ({self.allow})" if self.allow else "")

    @property
    def is_to_be_evicted(self) -> bool:
        """Whether somebody has to ask for it: not for one that is going, nor for one that is to finish first."""
        waits = self.treatment.behavior is Behavior.WAIT_COMPLETED and not self.pod.finished
        return self.fate is Fate.GOES and not self.pod.terminating and not waits


Said = tuple[Fate, str, str]
Filter = Callable[[PodFacts, DrainPolicy, Treatment], Said | None]


def skipped(pod: PodFacts, policy: DrainPolicy, treatment: Treatment) -> Said | None:
    """Left out by a rule or an annotation, as kubectl's --pod-selector leaves Pods out: whatever else is true of it."""
    return (Fate.STAYS, "is skipped by a rule", "") if treatment.behavior is Behavior.SKIP else None


def daemon_set(pod: PodFacts, policy: DrainPolicy, treatment: Treatment) -> Said | None:
    """Whoever made it ignores a cordon, and would make it anew at once. A finished one is no daemon any more."""
    if pod.owner_kind != "DaemonSet" or pod.finished:
        return None
    if not pod.owner_is_gone:
        return Fate.STAYS, "is of a DaemonSet", ""
    why = f"is of DaemonSet {pod.owner_name}, which is gone: nobody makes it anew"
    return None if policy.force else (Fate.BLOCKS, why, "delete it, or set drain.force in the inventory")


def mirror(pod: PodFacts, policy: DrainPolicy, treatment: Treatment) -> Said | None:
    """It shows a static Pod, which only its file on the host ends."""
    return (Fate.STAYS, "shows a static Pod", "") if pod.mirror else None


def undeterred(pod: PodFacts, policy: DrainPolicy, treatment: Treatment) -> Said | None:
    """It tolerates the cordon that it has come after. kubectl lists once, and never sees one."""
    return (Fate.STAYS, "tolerates the cordon, and would come again", "") if pod.undeterred else None


def to_complete(pod: PodFacts, policy: DrainPolicy, treatment: Treatment) -> Said | None:
    """It goes once it has finished, so nothing of it is lost."""
    if treatment.behavior is not Behavior.WAIT_COMPLETED or pod.finished or pod.terminating:
        return None
    if pod.restarts:
        return (
            Fate.BLOCKS,
            "is to complete (wait-completed), and its restartPolicy Always never lets it",
            "mend the rule",
        )
    return Fate.GOES, "is to complete first", ""


def terminating(pod: PodFacts, policy: DrainPolicy, treatment: Treatment) -> Said | None:
    """It goes already, whatever anybody thinks of it. kubectl refuses it as if it could still be kept."""
    return (Fate.GOES, "is terminating", "") if pod.terminating else None


def local_storage(pod: PodFacts, policy: DrainPolicy, treatment: Treatment) -> Said | None:
    """Its data goes with it. Of a finished Pod nobody reads it any more."""
    if not pod.empty_dir or pod.finished or policy.delete_emptydir_data:
        return None
    return Fate.BLOCKS, "keeps data in an emptyDir", "set drain.delete_emptydir_data in the inventory if it may go"


def without_controller(pod: PodFacts, policy: DrainPolicy, treatment: Treatment) -> Said | None:
    """Nobody would make it anew."""
    if pod.owner_kind is not None or pod.finished or policy.force:
        return None
    return Fate.BLOCKS, "has no controller and would be lost", "delete it, or set drain.force in the inventory"


FILTERS: tuple[Filter, ...] = (
    skipped,
    daemon_set,
    mirror,
    undeterred,
    to_complete,
    terminating,
    local_storage,
    without_controller,
)


def verdict_on(pod: PodFacts, policy: DrainPolicy) -> Verdict:
    """What becomes of this Pod. Whoever wrote an annotation that nobody can read meant something by it: it blocks."""
    try:
        treatment = treatment_of(pod, policy.rules)
    except ValueError as error:
        always_stays = mirror(pod, policy, Treatment()) or (pod.owner_kind == "DaemonSet" and not pod.owner_is_gone)
        if always_stays:
            return Verdict(pod, Fate.STAYS)
        return Verdict(pod, Fate.BLOCKS, f"cannot be judged: {error}", "mend the annotation")
    said = next((found for ask in FILTERS if (found := ask(pod, policy, treatment))), (Fate.GOES, "", ""))
    return Verdict(pod, *said, treatment)


def leaving(pods: Iterable[PodFacts], policy: DrainPolicy) -> tuple[Verdict, ...]:
    """Those that must not be on the node when it is drained: not those that stay."""
    verdicts = (verdict_on(pod, policy) for pod in pods)
    return tuple(verdict for verdict in verdicts if verdict.fate is not Fate.STAYS)


def staying(pods: Iterable[PodFacts], policy: DrainPolicy) -> tuple[PodFacts, ...]:
    return tuple(pod for pod in pods if verdict_on(pod, policy).fate is Fate.STAYS)


def objections(pods: Iterable[PodFacts], policy: DrainPolicy) -> Iterator[str]:
    """Every reason the policy gives against draining these Pods, each with what to do."""
    yield from (str(verdict) for verdict in leaving(pods, policy) if verdict.fate is Fate.BLOCKS)


def to_evict(pods: Iterable[PodFacts], policy: DrainPolicy) -> tuple[Verdict, ...]:
    """Whom to ask for now: those of the lowest order that are still there, and none after them."""
    there = leaving(pods, policy)
    turn = min((verdict.treatment.order for verdict in there), default=0)
    return tuple(verdict for verdict in there if verdict.is_to_be_evicted and verdict.treatment.order == turn)
