"""The terms of a path as it was planned: with the exact packages of every hop, as far as they are published."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from kubeadm_upgrade.approval.terms import Block, HopTerms, Terms
from kubeadm_upgrade.inventory import Cluster
from kubeadm_upgrade.next_hop import packages_of
from kubeadm_upgrade.planning.path import Path, PathHop
from kubeadm_upgrade.planning.state import State
from kubeadm_upgrade.preflight import Finding, Severity
from kubeadm_upgrade.version import etcd_version

# Told in the last hop only, and known with the target.
_OF_THE_PATHS_END = {"release_supported"}
# Told to whoever approves, and no part of what they agree to: Pods move by themselves, and the drain asks again.
_OF_THE_MOMENT = {"drains_rehearsed"}


def terms_of(cluster: Cluster, state: State, path: Path, *, ignores_windows: bool = False) -> Terms:
    """Without findings: preflight has not looked yet."""
    return Terms(
        hops=tuple(_hop(state, hop) for hop in path.hops),
        repository=cluster.repository_url,
        key=cluster.key_url or "",
        care=replace(cluster.rollout.care, ignores=tuple(sorted(path.policy.ignore_preflight_errors))),
        ignores_windows=ignores_windows,
    )


def with_findings(terms: Terms, found: Iterable[Finding]) -> Terms:
    """What preflight has found belongs to what is approved."""
    found = tuple(found)
    warn = {one.check for one in found if one.severity is Severity.WARN}
    return replace(
        terms,
        warnings=tuple(sorted(warn - _OF_THE_PATHS_END - _OF_THE_MOMENT)),
        blocks=tuple(Block(one.check, one.message) for one in found if one.severity is Severity.BLOCK),
    )


def begun_in(state: State, path: Path) -> frozenset[str]:
    """Nodes that a run has begun with, and that therefore come before their turn."""
    first = path.hops[0]
    pin = etcd_version(state.etcd_pinned) if state.etcd_pin_is_ours else None
    etcd = {node.name: node.components.get("etcd") for node in state.control_plane}
    moved = {
        node.name
        for node in state.control_plane
        if node.apiserver == first.to or (pin is not None and (runs := etcd[node.name]) is not None and runs >= pin)
    }
    return frozenset(moved | {node.name for node in state.nodes if node.left_behind})


def _hop(state: State, hop: PathHop) -> HopTerms:
    return HopTerms(
        came_from=hop.came_from,
        to=hop.to,
        control_plane=tuple(name for group in hop.control_plane for name in group.nodes),
        workers=tuple(sorted(hop.workers)),
        packages={form: packages_of(hop.to, published) for form, published in state.published.items()},
        etcd=hop.etcd_work,
    )
