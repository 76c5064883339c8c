"""Prove the result: judge the cluster as it is now, not as the steps said they left it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kubeadm_upgrade.assignment import RunId
from kubeadm_upgrade.control_plane import CONTROL_PLANE_COMPONENTS, ControlPlaneFacts
from kubeadm_upgrade.facts import NodeFacts
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.ledger.ledger import Ledger


@dataclass(frozen=True)
class Result:
    """The cluster after a run, through its API alone."""

    nodes: tuple[NodeFacts, ...]
    control_plane: ControlPlaneFacts
    ledger: Ledger

    def of(self, names: Iterable[str]) -> Iterator[NodeFacts]:
        """Those of these nodes that are still in the cluster: one that somebody has removed was promised nothing."""
        by_name = {node.name: node for node in self.nodes}
        return (by_name[name] for name in names if name in by_name)


def shortcomings(hop: Hop, run: RunId, result: Result) -> Iterator[str]:
    """Every way in which the cluster is not what this run promised, and never will be by itself.

    Where it has gone further since, the promise was kept: a run of long ago may be asked again.
    """
    control_plane = result.control_plane
    if control_plane.cluster_version < hop.to:
        yield f"kubeadm-config says {control_plane.cluster_version}, not {hop.to}"
    for node in result.of(hop.control_plane):
        if (node.control_plane or node.name in control_plane.unlabelled) and not _moved(hop, node.name, control_plane):
            yield f"the static Pods of {node.name} are not all at {hop.to.tag}"
    for node in result.of((*hop.control_plane, *hop.workers)):
        yield from _of_node(hop, run, node, result.ledger)


def unsettled(hop: Hop, result: Result) -> Iterator[str]:
    """What is not well now, and mostly is a little later."""
    yield from result.control_plane.ailing
    for node in result.of((*hop.control_plane, *hop.workers)):
        if not node.ready:
            yield f"{node.name} is not Ready ({node.why_not_ready})"


def joined(hop: Hop, result: Result) -> tuple[str, ...]:
    """Who came while the run was under way, and is older than what it has brought: the next run takes them."""
    apiservers = result.control_plane.versions("kube-apiserver")
    return tuple(
        node.name
        for node in result.nodes
        if node.name not in hop.known and min(node.kubelet, apiservers.get(node.name, hop.to)) < hop.to
    )


def _moved(hop: Hop, node: str, control_plane: ControlPlaneFacts) -> bool:
    if control_plane.cluster_version == hop.to:
        return control_plane.arrived(node, hop.to, hop.etcd_pin)
    return all(control_plane.versions(name).get(node, hop.came_from) >= hop.to for name in CONTROL_PLANE_COMPONENTS)


def _of_node(hop: Hop, run: RunId, node: NodeFacts, ledger: Ledger) -> Iterator[str]:
    if node.kubelet < hop.to:
        why = f" (given up: {ledger.given_up[node.name]})" if node.name in ledger.given_up else ""
        yield f"{node.name} runs kubelet {node.kubelet}, not {hop.to}{why}"
    slot = ledger.slots.get(node.name)
    if slot is not None and slot.run != run:
        return  # another run is at work on it
    if node.cordoned_by is not None:  # by us; one that somebody else has cordoned stays so (invariant I7)
        yield f"{node.name} is still cordoned"
    if slot is not None:
        yield f"{node.name} still holds a {slot.lane} slot"
