"""Standing rules: asked by the engine before every action of every step, never by a step for itself.

A rule is a pure function from what stands now to a sentence; None lets the action pass. Some are waited for, since
time or somebody else ends what they speak of; the others refuse. To add one, write the function and put it into RULES.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from kubeadm_upgrade.actions import Action, Evict, EvictOrDelete, NoteBegun, PatchConfigMap, PatchNode, Run
from kubeadm_upgrade.assignment import RunId
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.ledger import marks
from kubeadm_upgrade.ledger.ledger import Ledger
from kubeadm_upgrade.ledger.wire import OBJECT
from kubeadm_upgrade.unseen import UNSEEN
from kubeadm_upgrade.version import Version
from kubeadm_upgrade.waits import Wait
from kubeadm_upgrade.windows.calendar import ALWAYS, Calendar, Work
from kubeadm_upgrade.windows.hold import Hold, Job, hold
from kubeadm_upgrade.windows.need import STEPS_OF, need


@dataclass(frozen=True)
class Standing:
    """What stands at the very moment before an action."""

    run: RunId
    node: str
    hop: Hop
    ledger: Ledger
    newest: Version  # how far any part of the control plane has come
    kubelet: Version  # of this node
    at_work: tuple[str, ...] = ()  # kubeadm commands that run on this host, and are not of this step
    action: Action | None = None  # what is about to be done
    group: str = ""  # the task group and the step that want it
    step: str = ""
    cordoned_by_us: bool = False
    moved: bool = False  # whether any of the node's static Pods is another than before the hop
    calendar: Calendar = ALWAYS
    now: datetime = UNSEEN

    @property
    def is_out_of_service(self) -> bool:
        """Whether this run has begun with the node: a slot that an earlier one has left is no beginning."""
        return self.ledger.slot_of(self.node, self.run) is not None


Rule = Callable[[Standing], str | None]


def run_holds_the_cluster(standing: Standing) -> str | None:
    """The ledger says that it is this run that may act (invariant I8)."""
    if standing.ledger.is_held_by(standing.run):
        return None
    holder = standing.ledger.holder
    if holder is None:
        return f"no run holds this cluster any more ({OBJECT}): start a new run"
    did = "has upgraded this cluster since" if holder.released else "holds this cluster"
    return f"{holder.run} {did}, not {standing.run}: what is left is for it, or for a new run"


def cluster_not_past_the_target(standing: Standing) -> str | None:
    """Nothing moves backwards (invariant I10): an old run that is cleared meets a cluster that has moved on."""
    furthest = max(standing.newest, standing.kubelet)
    if furthest <= standing.hop.to:
        return None
    return f"the cluster is at {furthest} already, and this run is for {standing.hop.to}: start a new run"


def not_given_up(standing: Standing) -> str | None:
    """Nobody has given this worker up; the control plane cannot go on without one of its nodes."""
    worker = standing.node not in standing.hop.control_plane
    return marks.given_up(standing.ledger, standing.hop.cluster, standing.node) if worker else None


def not_aborted(standing: Standing) -> str | None:
    """Nobody has told this run to end; a node that is out of service is finished first."""
    return marks.aborted(standing.ledger, standing.node, standing.run)


def not_paused(standing: Standing) -> str | None:
    """Nobody has paused this cluster's upgrade; a node that is out of service is finished first."""
    return None if standing.is_out_of_service else marks.paused(standing.ledger, standing.hop.cluster)


def in_window(standing: Standing) -> str | None:
    """Nothing disruptive begins outside a window (invariant I2); a node in flight is finished.

    It matters to a node that was admitted, and that nobody came to while its window lasted.
    """
    held = _held(standing)
    return held.sentence if held else None


def turns_until(standing: Standing) -> int:
    """How soon it is worth looking again at what the window keeps from being done."""
    held = _held(standing)
    return held.turns(standing.now) if held else 1


def _held(standing: Standing) -> Hold | None:
    if standing.calendar == ALWAYS or standing.hop.ignore_window or not _begins(standing):
        return None
    steps = STEPS_OF[standing.group]
    left = steps[steps.index(standing.step) :]
    is_plane = standing.group == "control_plane"
    before = standing.hop.came_from if is_plane else standing.kubelet
    work = Work(changes_minor=before.minor != standing.hop.to.minor, drains=not is_plane)
    return hold(
        standing.calendar, standing.now, Job(need(standing.ledger.durations, left), work, f"{standing.node} takes")
    )


def _begins(standing: Standing) -> bool:
    """Whether the action is the first that anybody but us would notice; of the control plane, the backup before it."""
    match standing.action:
        case PatchNode(verb="cordon"):
            return True
        case Evict() | EvictOrDelete():
            return not standing.cordoned_by_us  # a node that a person has cordoned needs no cordon of ours
        case Run() | NoteBegun() | PatchConfigMap() if standing.group == "control_plane":
            slot = standing.ledger.slot_of(standing.node, standing.run)
            # what was noted to begin may never have begun: whoever was about to begin it may have died
            return slot is not None and slot.failure is None and not (slot.doing and standing.moved)
        case _:
            return False


def nobody_else_at_work(standing: Standing) -> str | None:
    """No other kubeadm runs on this host: one of an earlier run or another target, or a person's."""
    return f"{standing.at_work[0]!r} is at work on {standing.node}" if standing.at_work else None


# Each with what is waited for; REFUSED: nothing is, and whoever wants to act fails.
REFUSED = None
RULES: Mapping[Rule, Wait | None] = {
    run_holds_the_cluster: REFUSED,
    cluster_not_past_the_target: REFUSED,
    not_given_up: REFUSED,
    not_aborted: REFUSED,
    not_paused: Wait.PAUSE,
    in_window: Wait.WINDOW,
    nobody_else_at_work: Wait.OTHERS,
}


def verdicts(standing: Standing, rules: Mapping[Rule, Wait | None] = RULES) -> Iterator[tuple[Wait | None, str]]:
    """What every rule has to say, refusals first: nobody waits for a pause to end, only to be refused."""
    refusals_first = sorted(rules.items(), key=lambda rule: rule[1] is not REFUSED)
    yield from ((wait, sentence) for rule, wait in refusals_first if (sentence := rule(standing)))
