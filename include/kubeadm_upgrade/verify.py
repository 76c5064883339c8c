"""Prove the result: judge the cluster as it is now, not as the steps said they left it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from kubeadm_upgrade.facts import ControlPlaneFacts, NodeFacts
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.slots import Slots


def shortcomings(hop: Hop, nodes: Iterable[NodeFacts], control_plane: ControlPlaneFacts, slots: Slots) -> Iterator[str]:
    """Every way in which the cluster is not what this run promised."""
    if control_plane.cluster_version != hop.to:
        yield f"kubeadm-config says {control_plane.cluster_version}, not {hop.to}"
    for name in hop.control_plane:
        if not control_plane.at(name, hop.to):
            yield f"the static Pods of {name} are not all at {hop.to.tag}"
    yield from control_plane.ailing
    by_name = {node.name: node for node in nodes}
    for name in (*hop.control_plane, *hop.workers):
        yield from _node_shortcomings(hop, name, by_name.get(name))
    for lane, holders in slots.holders.items():
        for name in sorted({*hop.control_plane, *hop.workers}.intersection(holders)):
            yield f"{name} still holds a {lane} slot"


def _node_shortcomings(hop: Hop, name: str, node: NodeFacts | None) -> Iterator[str]:
    if node is None:
        yield f"{name} is no longer in the cluster"
        return
    if not node.ready:
        yield f"{name} is not Ready ({node.why_not_ready})"
    if node.kubelet != hop.to:
        yield f"{name} runs kubelet {node.kubelet}, not {hop.to}"
    if node.cordoned_by is not None:  # by us; one that somebody else has cordoned stays so (invariant I7)
        yield f"{name} is still cordoned"
