"""Who is out of service, and who is done: what the nodes of a task group look like to its slots."""

from __future__ import annotations

from collections.abc import Sequence

from kubeadm_upgrade.facts import ControlPlaneFacts, NodeFacts
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.slots import CONTROL_PLANE, WORKER, Lane, Member, Slots


def lane_of(
    group: str, hop: Hop, nodes: Sequence[NodeFacts], control_plane: ControlPlaneFacts | None, slots: Slots
) -> Lane:
    """The lane that a task group's nodes wait in. Both control plane groups share one: one node at a time."""
    workers = group == "workers"
    name, order, limit = (
        (WORKER, hop.workers, hop.max_unavailable) if workers else (CONTROL_PLANE, hop.control_plane, 1)
    )
    members = {
        node.name: Member(
            finished=_finished(group, hop, node, control_plane),
            # one that we cordoned is counted by its slot; if that is gone (somebody edited the object), by this
            available=node.name in hop.cordoned_before or (node.ready and node.schedulable),
        )
        for node in nodes
        if node.control_plane is not workers
    }
    return Lane(name, limit, order, members, slots.held_in(name) & members.keys())  # a deleted Node holds nothing


def _finished(group: str, hop: Hop, node: NodeFacts, control_plane: ControlPlaneFacts | None) -> bool:
    if group == "control_plane":
        return (
            control_plane is not None
            and control_plane.at(node.name, hop.to)
            and control_plane.cluster_version == hop.to
        )
    return node.kubelet == hop.to and node.ready and node.cordoned_by is None
