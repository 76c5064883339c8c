"""Plan one hop from what was looked at: which version exactly, which nodes, in which order. No I/O."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from kubeadm_upgrade import apt
from kubeadm_upgrade.errors import BadParameters, UpgradeRefused
from kubeadm_upgrade.facts import PACKAGES
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.inventory import Cluster
from kubeadm_upgrade.releases import OLDEST_SUPPORTED
from kubeadm_upgrade.slots import resolve_max_unavailable
from kubeadm_upgrade.state import NodeState, State
from kubeadm_upgrade.version import TargetVersion, Version


@dataclass(frozen=True)
class Wish:
    """What the run was started with."""

    target: TargetVersion
    run: str
    nodes: tuple[str, ...] = ()  # limit to these workers; empty: all
    dry_run: bool = False


def plan_hop(cluster: Cluster, state: State, wish: Wish) -> Hop:
    """Plan the hop. Raises UpgradeRefused with every reason, BadParameters for workers that do not exist."""
    to = resolve_target(wish.target, state)
    if reasons := tuple(objections(state, to)):
        raise UpgradeRefused(f"{cluster.name}: " + "; ".join(reasons))
    control_plane = sorted(
        (node for node in state.nodes if node.control_plane), key=lambda node: _moved_first(node, to)
    )
    all_workers = [node for node in state.nodes if not node.control_plane]
    workers = sorted(_chosen(all_workers, wish), key=lambda node: (node.cordoned_by_us is False, node.name))
    return Hop(
        cluster=cluster.name,
        run=wish.run,
        came_from=came_from(state),
        to=to,
        packages={name: _package_version(name, to, state) for name in PACKAGES},
        repository=cluster.repository(to.release),
        first=control_plane[0].name,
        control_plane=tuple(node.name for node in control_plane),
        workers=tuple(node.name for node in workers),
        max_unavailable=resolve_max_unavailable(cluster.max_unavailable, len(all_workers)),
        cordoned_before=tuple(n.name for n in state.nodes if not n.schedulable and not n.cordoned_by_us),
        drain=cluster.drain,
        dry_run=wish.dry_run,
    )


def resolve_target(target: TargetVersion, state: State) -> Version:
    """The exact version: as asked for, or the newest patch that the repository offers of the minor release."""
    offered = sorted(version for version in _published_versions(state) if target.accepts(version))
    if not offered:
        what = f"version {target}" if target.patch is not None else f"no version of {target}"
        verb = "does not offer" if target.patch is not None else "offers"
        raise UpgradeRefused(f"the package repository {verb} {what}: check target_version and the repository's URL")
    return offered[-1]


def came_from(state: State) -> Version:
    """The version the control plane moves away from: the oldest that is written down or runs."""
    return min(_control_plane_versions(state))


def objections(state: State, to: Version) -> Iterator[str]:
    """Every reason that the version skew policy and kubeadm give against this hop, each with what to do.

    https://kubernetes.io/releases/version-skew-policy/
    """
    start = came_from(state)
    if (start.major, start.minor) < OLDEST_SUPPORTED:
        yield f"the control plane is at {start}, and clusters are supported from 1.22 on"
    if to < (newest := max(_control_plane_versions(state))):
        yield f"the control plane is at {newest}, newer than {to}: kubeadm does not go back"
    elif to.minors_ahead_of(start) > 1:
        yield f"the control plane is at {start} and moves one minor release at a time: ask for {_next(start)} first"
    for node in state.nodes:
        yield from _kubelet_objections(node, to)


def _kubelet_objections(node: NodeState, to: Version) -> Iterator[str]:
    behind = to.minors_ahead_of(node.kubelet)
    # kubelets below 1.25 may be two minor releases behind, later ones three
    allowed = 3 if (node.kubelet.major, node.kubelet.minor) >= (1, 25) else 2
    if node.kubelet > to:
        yield f"kubelet on {node.name} is {node.kubelet}, newer than {to}: choose a newer target"
    elif behind > allowed:
        yield f"kubelet on {node.name} is {node.kubelet} and would be {behind} minor releases behind: upgrade it first"


def _control_plane_versions(state: State) -> list[Version]:
    return [state.cluster_version, *(node.apiserver for node in state.nodes if node.apiserver is not None)]


def _next(version: Version) -> str:
    return f"{version.major}.{version.minor + 1}"


def _chosen(workers: Sequence[NodeState], wish: Wish) -> Sequence[NodeState]:
    if not wish.nodes:
        return workers
    names = {node.name for node in workers}
    if unknown := sorted(set(wish.nodes) - names):
        known = ", ".join(sorted(names))
        raise BadParameters(f"nodes: {', '.join(unknown)} is not a worker of this cluster; its workers are: {known}")
    return [node for node in workers if node.name in wish.nodes]


def _moved_first(node: NodeState, to: Version) -> tuple[bool, str]:
    """A node whose apiserver already moved was first in an interrupted run, and stays first."""
    return (node.apiserver != to, node.name)


def _published_versions(state: State) -> Iterator[Version]:
    return (version for text in state.published.get("kubeadm", ()) if (version := _upstream(text)) is not None)


def _upstream(package_version: str) -> Version | None:
    """None for what is no Kubernetes version: a mirror may hold packages of its own, which nobody asked for."""
    try:
        return apt.upstream(package_version)
    except ValueError:
        return None


def _package_version(name: str, to: Version, state: State) -> str:
    """The package version of `to`; of several revisions the one that the repository lists last in its own order."""
    matching = [text for text in state.published.get(name, ()) if _upstream(text) == to]
    if not matching:
        raise UpgradeRefused(f"the package repository offers kubeadm {to} but no {name} {to}: ask its administrator")
    return max(matching, key=_revision)


def _revision(package_version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in package_version.partition("-")[2].split(".") if part.isdigit())
