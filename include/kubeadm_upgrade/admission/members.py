"""What the nodes of a task group look like to its lane: who is out of service, and who is done."""

from __future__ import annotations

from collections.abc import Sequence

from kubeadm_upgrade.admission.lane import Lane, Member
from kubeadm_upgrade.assignment import RunId
from kubeadm_upgrade.control_plane import ControlPlaneFacts
from kubeadm_upgrade.facts import NodeFacts
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.ledger.ledger import CONTROL_PLANE, WORKER, Ledger
from kubeadm_upgrade.policy import RolloutPolicy
from kubeadm_upgrade.rollout.placement import placed, sorted_by_group


def lane_of(
    group: str,
    hop: Hop,
    run: RunId,
    policy: RolloutPolicy,
    nodes: Sequence[NodeFacts],
    control_plane: ControlPlaneFacts,
    ledger: Ledger,
) -> Lane:
    """The lane that a task group's nodes wait in. Both control plane groups share one: one node at a time.

    A worker that was given up is in nobody's way; a control plane node cannot be: two would be out of service at once.
    One that has left the cluster holds nothing.
    """
    kind = [node for node in nodes if node.control_plane is (group != "workers")]
    earlier = frozenset(name for name, slot in ledger.slots.items() if slot.run != run)
    members = {
        node.name: Member(
            # the slot of an earlier run is taken first: it may tell of work that is not known to have ended
            finished=node.name not in earlier and _finished(group, hop, node, control_plane),
            ready=node.ready,
            not_ready_since=None if node.ready else node.ready_changed,
            # an apiserver serves on a cordoned node as on any other
            in_service=group == "control_plane" or node.schedulable or _cordoned_before(node, ledger),
            changes_minor=(hop.came_from if group == "control_plane" else node.kubelet).minor != hop.to.minor,
        )
        for node in kind
        if node.control_plane or node.name not in ledger.given_up
    }
    # the order of a hop is its plan's, of groups it is the file's of now: a canary may have been named since
    groups = placed(policy.strategy, {node.name: node.labels for node in kind}) if group == "workers" else ()
    name, order, limit = (
        (WORKER, sorted_by_group(hop.workers, groups), policy.workers_at_once(len(kind)))
        if group == "workers"
        else (CONTROL_PLANE, hop.control_plane, 1)
    )
    failed = frozenset(name for name, one in ledger.failed_nodes.items() if one.run == run) & members.keys()
    holders = ledger.held_in(name) & members.keys()
    gone = ledger.held_in(name) - {node.name for node in nodes}
    ours = frozenset(node.name for node in kind if node.cordoned_by is not None and group != "control_plane")
    return Lane(name, limit, order, members, holders, holders & earlier, ours, gone, group, groups, failed)


def _cordoned_before(node: NodeFacts, ledger: Ledger) -> bool:
    """By somebody else, before this run: it stays so, and is not counted before its own turn (invariant I7)."""
    if node.cordoned_by is not None:
        return False  # one that we cordoned is counted by its slot; if that is gone, by this
    since = ledger.holder.since if ledger.holder else None
    return since is None or node.cordoned_at is None or node.cordoned_at <= since


def _finished(group: str, hop: Hop, node: NodeFacts, control_plane: ControlPlaneFacts) -> bool:
    if group == "control_plane":
        return control_plane.arrived(node.name, hop.to, hop.etcd_pin)
    return node.kubelet == hop.to and node.ready and node.cordoned_by is None
