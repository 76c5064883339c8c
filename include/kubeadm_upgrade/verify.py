"""Prove the result: judge the cluster as it is now, not as the steps said they left it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from kubeadm_upgrade.assignment import RunId
from kubeadm_upgrade.control_plane import CONTROL_PLANE_COMPONENTS, ControlPlaneFacts
from kubeadm_upgrade.drain.to_come import TAINT, is_marked
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


@dataclass(frozen=True)
class Left:
    """What a run has left for a later one, since nothing more of it fitted into a window."""

    planes: frozenset[str] = frozenset()  # nodes whose static Pods were not begun with
    kubelets: frozenset[str] = frozenset()  # nodes that were not taken out of service
    why: str = ""  # as the first of them has told

    def __bool__(self) -> bool:
        return bool(self.planes or self.kubelets)

    @property
    def nodes(self) -> frozenset[str]:
        return self.planes | self.kubelets


NOTHING_LEFT = Left()
_AFTER: Mapping[str, tuple[str, ...]] = {
    "control_plane": ("control_plane_kubelets", "workers"),
    "control_plane_kubelets": ("workers",),
    "workers": (),
}


def left_behind(hop: Hop, outcomes: Iterable[Mapping[str, Any]]) -> Left:
    """By what the gates have told. A group that is not through lets none after it begin."""
    told = [one for one in outcomes if one.get("status") == "left"]
    found: dict[str, set[str]] = {group: set() for group in _AFTER}
    for outcome in told:
        found[outcome["group"]].add(outcome["node"])
        for group in _AFTER[outcome["group"]]:
            found[group].update(hop.nodes_of(group))
    kubelets = found["control_plane_kubelets"] | found["workers"]
    why = next((detail for outcome in told for detail in outcome["details"]), "")
    return Left(frozenset(found["control_plane"]), frozenset(kubelets), why)


def shortcomings(hop: Hop, run: RunId, result: Result, left: Left = NOTHING_LEFT) -> Iterator[str]:
    """Every way in which the cluster is not what this run promised, and never will be by itself.

    Where it has gone further since, the promise was kept: a run of long ago may be asked again. What was left is as it
    was before; that nobody has left it half-way is promised all the same.
    """
    control_plane = result.control_plane
    if control_plane.cluster_version < hop.to and not left.planes:
        yield f"kubeadm-config says {control_plane.cluster_version}, not {hop.to}"
    for node in result.of(name for name in hop.control_plane if name not in left.planes):
        if (node.control_plane or node.name in control_plane.unlabelled) and not _moved(hop, node.name, control_plane):
            yield f"the static Pods of {node.name} are not all at {hop.to.tag}"
    for node in result.of((*hop.control_plane, *hop.workers)):
        yield from _of_node(hop, run, node, result.ledger, is_left=node.name in left.kubelets)


def still_to_do(hop: Hop, result: Result, left: Left) -> tuple[str, ...]:
    """Of what was left, the nodes that are not at the target: some may have been there already."""
    behind = (node.name for node in result.of((*hop.control_plane, *hop.workers)) if node.kubelet < hop.to)
    planes = (name for name in hop.control_plane if not _moved(hop, name, result.control_plane))
    return tuple(dict.fromkeys(name for name in (*planes, *behind) if name in left.nodes))


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


def _of_node(hop: Hop, run: RunId, node: NodeFacts, ledger: Ledger, *, is_left: bool) -> Iterator[str]:
    if node.kubelet < hop.to and not is_left:
        why = f" (given up: {ledger.given_up[node.name]})" if node.name in ledger.given_up else ""
        yield f"{node.name} runs kubelet {node.kubelet}, not {hop.to}{why}"
    if is_marked(node.taints) and not is_left:
        off = f"kubectl taint nodes {node.name} {TAINT}-"
        yield f"{node.name} still has the taint of a node to come: the next run takes it off, or {off}"
    slot = ledger.slots.get(node.name)
    if slot is not None and slot.run != run:
        return  # another run is at work on it
    if node.cordoned_by is not None:  # by us; one that somebody else has cordoned stays so (invariant I7)
        yield f"{node.name} is still cordoned"
    if slot is not None:
        yield f"{node.name} still holds a {slot.lane} slot"
