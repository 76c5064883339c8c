"""Gates: every reason why a node waits before it is taken out of service.

A gate is a pure function from facts to a sentence; None lets the node pass. All are asked at every look, in this
order, and the first that has something to say is what the node waits for. A new reason to wait is a new gate: write
the function, and put it into GATES with the kind of wait that it is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from kubeadm_upgrade.admission.window import hold_of
from kubeadm_upgrade.approval.one_hop import difference_of, is_wanted
from kubeadm_upgrade.facts import Facts
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.leases import without_leader
from kubeadm_upgrade.ledger import marks
from kubeadm_upgrade.ledger.ledger import WORKER
from kubeadm_upgrade.ledger.steering import steering_dag
from kubeadm_upgrade.ledger.wire import OBJECT, SLOT
from kubeadm_upgrade.rollout.gates import group_has_room, groups_turn, not_halted, outside_ready, soaked
from kubeadm_upgrade.rollout.health import daemon_sets_rolled, query_passes, workloads_as_before
from kubeadm_upgrade.waits import Wait
from kubeadm_upgrade.windows.calendar import ALWAYS
from kubeadm_upgrade.windows.hold import Hold
from kubeadm_upgrade.wording import agreeing, count, shortened

Gate = Callable[[Facts, Hop], str | None]


def not_paused(facts: Facts, hop: Hop) -> str | None:
    """Nobody has paused this cluster's upgrade."""
    return marks.paused(facts.ledger, hop.cluster)


def its_turn(facts: Facts, hop: Hop) -> str | None:
    """All nodes before it in the plan's order have begun, or are done."""
    before = facts.lane.before(facts.node.name)
    return f"it is the turn of {before[0]}" if before else None


def slot_free(facts: Facts, hop: Hop) -> str | None:
    """Fewer nodes than may be out of service at a time have a slot."""
    lane = facts.lane
    others = lane.counted - {facts.node.name}
    # going on with a node that is out already takes nobody more out, however low the limit is by now
    if len(others) < lane.limit or (lane.name == WORKER and facts.node.name in lane.left_out):
        return None
    names = shortened(sorted(others))
    return f"{_limit(facts)}, and {names} {agreeing(others, 'is', 'are')}{_way_out_of_slots(facts)}"


def others_in_service(facts: Facts, hop: Hop) -> str | None:
    """Whoever is out of service without a slot counts as well: NotReady, or cordoned while this run was under way."""
    lane, here = facts.lane, facts.node.name
    out: Mapping[str, str] = {
        name: why
        for name, member in lane.members.items()
        if name != here and name not in lane.holders and (why := member.why_unavailable)
    }
    if not out or here in lane.left_out or len(out) + len(lane.counted - {here}) < lane.limit:
        return None
    names = ", ".join(f"{name} {why}" for name, why in sorted(out.items())[:5])
    it = agreeing(out, "it", "them")
    give_up = f", or give {it} up ({steering_dag(hop.cluster)})" if lane.name == WORKER else ""
    return f"{_limit(facts)}, and {names}: mend {it}{give_up}"


def approved(facts: Facts, hop: Hop) -> str | None:
    """Somebody has agreed to this hop, with this node in it, and to no less care than the file asks for now.

    Asked at every admission: the file may have been edited since, the plan cleared, or the task approve marked.
    """
    ledger = facts.ledger
    # a rehearsal needs none; of a run that has lost the cluster, a standing rule says so
    if not ledger.is_held_by(facts.run) or not is_wanted(hop, facts.policy):
        return None
    if ledger.approved is None:
        return f"an approval of the hop ({hop.way}), and there is none: clear the task approve, to have it asked for"
    node = facts.node
    began = node.name in ledger.slots or node.name in facts.lane.left_out
    is_there = not node.control_plane and node.kubelet == hop.to
    told = difference_of(ledger.approved.terms, hop, facts.policy, node.name, begun=began or is_there)
    if not told:
        return None
    return (
        f"an approval of what is otherwise than what {ledger.approved.by} has approved: {'; '.join(told)}: put the "
        "cluster's file back, or clear the task approve, or start a new run, to have it asked for"
    )


def in_window(facts: Facts, hop: Hop) -> str | None:
    """A maintenance window is open, and as much is left of it as what is begun now needs (invariant I2)."""
    held = window_hold(facts, hop)
    return held.sentence if held else None


def window_hold(facts: Facts, hop: Hop, node: str | None = None) -> Hold | None:
    """What the calendar has against beginning with this node, or with another of its lane."""
    if facts.policy.calendar == ALWAYS:
        return None
    return hold_of(node or facts.node.name, facts.lane, hop, facts.policy, facts.ledger, facts.now)


def control_plane_healthy(facts: Facts, hop: Hop) -> str | None:
    """The control plane is healthy as a whole, and between two of its nodes every member of etcd (invariant I3)."""
    ailing = ailments(facts)
    return f"the control plane is not healthy: {'; '.join(ailing)}" if ailing else None


def ailments(facts: Facts) -> tuple[str, ...]:
    """What is not well with the control plane, for a node that it matters to."""
    # one without its label is no stranger to etcd, and no member to remove
    unlabelled = (name for name, runs in facts.control_plane.unlabelled.items() if "etcd" in runs)
    nodes = (*facts.control_plane.nodes_ready, *unlabelled)
    etcd = facts.etcd.ailing(nodes) if facts.node.control_plane else ()
    return (*facts.control_plane.ailing, *etcd)


def controllers_lead(facts: Facts, hop: Hop) -> str | None:
    """Somebody leads the controllers and the scheduler, where Pods are to move: after the control plane nobody may."""
    if facts.lane.group == "control_plane":
        return None
    found = tuple(without_leader(facts.leaders, facts.control_plane))
    return f"the controllers are not back: {'; '.join(found)}" if found else None


# What comes after these costs more to ask: it is looked at only where all of these let the node pass.
GATES_OF_THE_LANE: Mapping[Gate, Wait] = {
    not_paused: Wait.PAUSE,
    not_halted: Wait.FAILURES,
    groups_turn: Wait.TURN,
    its_turn: Wait.TURN,
    soaked: Wait.SOAK,
    group_has_room: Wait.SLOT,
    slot_free: Wait.SLOT,
    others_in_service: Wait.SLOT,
    outside_ready: Wait.SLOT,
    approved: Wait.APPROVAL,
    in_window: Wait.WINDOW,
}
GATES: Mapping[Gate, Wait] = {
    **GATES_OF_THE_LANE,
    control_plane_healthy: Wait.HEALTH,
    controllers_lead: Wait.HEALTH,
    daemon_sets_rolled: Wait.WORKLOADS,
    workloads_as_before: Wait.WORKLOADS,
    query_passes: Wait.WORKLOADS,
}


def why_wait(facts: Facts, hop: Hop, gates: Iterable[Gate] = GATES) -> str | None:
    """What the node waits for; None when it may go."""
    return next((sentence for gate in gates if (sentence := gate(facts, hop))), None)


def kind_of_wait(facts: Facts, hop: Hop, gates: Mapping[Gate, Wait] = GATES) -> Wait:
    """Of the first gate that is closed; where all are open, preflight is judged again."""
    return next((kind for gate, kind in gates.items() if gate(facts, hop)), Wait.HEALTH)


def _limit(facts: Facts) -> str:
    return f"{count(facts.lane.limit, f'{facts.lane.name} node')} may be out of service at a time"


def _way_out_of_slots(facts: Facts) -> str:
    """An earlier run's holder that this run does not come to keeps its slot until somebody does something."""
    strangers = sorted(facts.lane.strangers - set(facts.lane.order))
    if not strangers:
        return ""
    hold = agreeing(strangers, "holds a slot", "hold slots")
    slots = ", ".join(f"{SLOT}{name}" for name in strangers)
    way = f"name {agreeing(strangers, 'it', 'them')} in the parameter nodes, or take {slots} out of {OBJECT}"
    return f" ({', '.join(strangers)} {hold} of an earlier run: {way})"
