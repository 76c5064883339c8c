"""Walks a path as a real upgrade does, one component at a time, and holds every moment against the skew policy.

And etcd: it never goes back, and every member is ready before the control plane moves to a release with a gate.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from kubeadm_upgrade.control_plane import CONTROL_PLANE_COMPONENTS
from kubeadm_upgrade.planning import skew
from kubeadm_upgrade.planning.path import Path, PathHop
from kubeadm_upgrade.planning.skew import Component, Violation
from kubeadm_upgrade.planning.state import NodeState, State
from kubeadm_upgrade.releases.release import Releases
from kubeadm_upgrade.version import Version


@dataclass
class Replay:
    """A cluster under way. `steps` yields after everything that changes, so a test may stop at any moment."""

    state: State
    path: Path
    releases: Releases

    def __post_init__(self) -> None:
        self.nodes = {node.name: node for node in self.state.nodes}
        self.cluster_version = self.state.cluster_version
        self.etcd_pinned = self.state.etcd_pinned
        self.ours = self.state.etcd_pin_is_ours
        self.hop = 0

    def now(self) -> State:
        return replace(
            self.state,
            cluster_version=self.cluster_version,
            nodes=tuple(self.nodes.values()),
            etcd_pinned=self.etcd_pinned,
            etcd_pin_is_ours=self.ours,
        )

    def steps(self) -> Iterator[tuple[Violation, ...]]:
        """What is broken at each moment; kubeadm's own order before 1.28 is not held against us."""
        for index, hop in enumerate(self.path.hops):
            self.hop = index
            yield from self._kubeadm_config(hop)
            yield from self._control_plane(hop)
            for name in (*self._control_plane_names(), *hop.workers):
                if self.nodes[name].kubelet != hop.to:
                    self.nodes[name] = replace(self.nodes[name], kubelet=hop.to)
                    yield self._broken_at(name)
        self.hop = len(self.path.hops)

    def _kubeadm_config(self, hop: PathHop) -> Iterator[tuple[Violation, ...]]:
        """The first thing of a hop: after a crash here, the tag says which hop it was."""
        if not hop.etcd_work:
            return
        assert self.ours or not self.etcd_pinned, "a tag of somebody else's is never changed"
        assert self.ours or not hop.lifts_etcd_pin, "there is no tag of ours to take out"
        changes = self.etcd_pinned != hop.etcd_pin
        self.etcd_pinned, self.ours = hop.etcd_pin, hop.etcd_pin is not None
        if changes:
            yield ()

    def _control_plane(self, hop: PathHop) -> Iterator[tuple[Violation, ...]]:
        names = [name for group in hop.control_plane for name in group.nodes]
        if self.cluster_version != hop.to:
            yield self._kubeadm_says(hop.to)
        for position, name in enumerate(names):
            if self._is_applied(hop, self.nodes[name], position):
                yield from self._etcd(name, hop.to)
            for kind in CONTROL_PLANE_COMPONENTS:
                if self.nodes[name].components[kind] != hop.to:
                    yield from self._set(name, kind, hop.to, everywhere=kind == skew.APISERVER)
            if position == 0 and self.cluster_version != hop.to:
                self.cluster_version = hop.to
                yield ()
            # since 1.28 kubeadm waits with the addons for the last control plane node
            if position == (len(names) - 1 if hop.to.minor >= 28 else 0):
                yield from self._kube_proxies(hop.to)

    def _is_applied(self, hop: PathHop, node: NodeState, position: int) -> bool:
        moves = any(node.components[kind] != hop.to for kind in CONTROL_PLANE_COMPONENTS)
        return moves or hop.etcd_pin is not None or (position == 0 and self.cluster_version != hop.to)

    def _etcd(self, name: str, to: Version) -> Iterator[tuple[Violation, ...]]:
        """kubeadm moves it before anything else of a node, and never back."""
        members = {node.name: node.components["etcd"] for node in self.nodes.values() if node.control_plane}
        gate = self.releases.of(to.minor).needs.etcd
        if gate and self.nodes[name].apiserver.minor < to.minor:
            assert min(members.values()) >= Version.parse(gate.minimum), f"{to} while etcd runs {members}"
        tag = self.etcd_pinned or self.releases.of(to.minor).etcd_of(to.patch)
        after = max(members[name], Version.parse(tag.partition("-")[0]))
        if after != members[name]:
            yield from self._set(name, "etcd", after)

    def _kube_proxies(self, to: Version) -> Iterator[tuple[Violation, ...]]:
        for name, node in self.nodes.items():
            if node.components[skew.KUBE_PROXY] != to:
                yield from self._set(name, skew.KUBE_PROXY, to)

    def _set(self, name: str, kind: str, to: Version, *, everywhere: bool = False) -> Iterator[tuple[Violation, ...]]:
        node = self.nodes[name]
        self.nodes[name] = replace(node, components={**node.components, kind: to})
        yield self._broken() if everywhere else self._broken_at(name)

    def _broken(self) -> tuple[Violation, ...]:
        running = (component for node in self.nodes.values() for component in node.running())
        return self._ours(skew.violations(running))

    def _broken_at(self, name: str) -> tuple[Violation, ...]:
        """Only what changed can have broken something: one node against all apiservers."""
        apiservers = [
            Component(skew.APISERVER, one.name, one.apiserver) for one in self.nodes.values() if one.apiserver
        ]
        own = [component for component in self.nodes[name].running() if component.kind != skew.APISERVER]
        return self._ours(skew.violations([*apiservers, *own]))

    def _kubeadm_says(self, to: Version) -> tuple[Violation, ...]:
        kubelets = [Component(skew.KUBELET, node.name, node.kubelet) for node in self.nodes.values()]
        cluster = Component("the cluster", "kubeadm-config", self.cluster_version)
        return tuple(skew.kubeadm_violations(Component(skew.KUBEADM, "cp1", to), cluster, to, kubelets))

    def _ours(self, violations: Iterator[Violation]) -> tuple[Violation, ...]:
        return tuple(
            one
            for one in violations
            if not (one.rule == skew.KUBE_PROXY and one.component.version.minor < 28 and one.what == "is newer than")
        )

    def _control_plane_names(self) -> list[str]:
        return [node.name for node in self.state.control_plane]
