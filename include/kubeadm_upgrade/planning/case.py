"""What a plan is made from: the cluster as it was looked at, the wish, the policy, and the facts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from kubeadm_upgrade.control_plane import CONTROL_PLANE_COMPONENTS
from kubeadm_upgrade.planning import skew
from kubeadm_upgrade.planning.path import Policy
from kubeadm_upgrade.planning.state import NodeState, State
from kubeadm_upgrade.releases.release import Minimum, Releases
from kubeadm_upgrade.version import TargetVersion, Version, in_package


@dataclass(frozen=True)
class Case:
    """`only` limits the workers that may move; empty: all may."""

    state: State
    target: TargetVersion
    policy: Policy
    releases: Releases
    only: frozenset[str] = frozenset()

    @cached_property
    def floor(self) -> Version:
        """The oldest version in the control plane: where it comes from."""
        return min(self._control_plane_versions())

    @cached_property
    def ceiling(self) -> Version:
        """The newest version in the control plane: no way leads back from here."""
        return max(self._control_plane_versions())

    @property
    def interrupted(self) -> bool:
        """Whether the control plane stands between two minor releases."""
        return self.floor.minor != self.ceiling.minor

    def settled_at(self, version: Version) -> bool:
        """Whether nothing of the control plane, its kubelets included, has to move to be at `version`."""
        kubelets = (node.kubelet for node in self.state.control_plane)
        return self.floor == self.ceiling == version and all(kubelet >= version for kubelet in kubelets)

    def may_move(self, worker: NodeState) -> bool:
        return not self.only or worker.name in self.only

    @cached_property
    def kubeadm_flags(self) -> dict[Version, set[str]]:
        """What kubeadm has written for the kubelets of the workers that may move, by their versions."""
        found: dict[Version, set[str]] = {}
        for worker in filter(self.may_move, self.state.workers):
            found.setdefault(worker.kubelet, set()).update(worker.settings.kubeadm_flags)
        return found

    def kubelet_may_lag(self, kubelet: Version, to: Version) -> tuple[int, str]:
        """How many minor releases this kubelet may be behind when the control plane moves to `to`, and who says so."""
        limits = (
            (skew.may_lag(kubelet), "the version skew policy allows"),
            (self.policy.max_kubelet_skew, "max_kubelet_skew allows"),
            (skew.kubeadm_lets_lag(to), "kubeadm below 1.29 allows"),
        )
        return min(limits, key=lambda limit: limit[0])

    @cached_property
    def offered(self) -> dict[int, tuple[Version, ...]]:
        """Minor -> the versions that may be installed, oldest first: known as good, and offered to every kind of host.

        Where no repository was asked at all, every patch that the facts know.
        """
        found: dict[int, set[Version]] = {}
        for version in self._published():
            if not version.pre and not self.why_avoid(version):
                found.setdefault(version.minor, set()).add(version)
        return {minor: tuple(sorted(versions)) for minor, versions in found.items()}

    def choose(self, minor: int) -> Version | None:
        """The version to install of a minor release: the newest good one, or exactly the target asked for."""
        good = [version for version in self.offered.get(minor, ()) if version >= self.ceiling]
        if minor == self.target.minor:
            good = [version for version in good if self.target.accepts(version)]
        return good[-1] if good else None

    def etcd_of(self, version: Version) -> str:
        """The etcd image tag that kubeadm of this version deploys where nothing is fixed."""
        return self.releases.of(version.minor).etcd_of(version.patch)

    def etcd_gate(self, came_from: int, to: int) -> Minimum | None:
        """What every member of etcd must be at before the control plane moves from one minor release to another."""
        return self.releases.of(to).needs.etcd if to > came_from and to in self.releases else None

    def why_avoid(self, version: Version) -> str | None:
        """Why this version is never installed; None for a good one, and for one of which nothing is known."""
        reason = version.minor in self.releases and self.releases.of(version.minor).why_avoid(version)
        return reason.reason if reason else None

    def _published(self) -> frozenset[Version]:
        by_format = [
            frozenset(filter(None, map(in_package, packages.get("kubeadm", ()))))
            for packages in self.state.published.values()
        ]
        return frozenset.intersection(*by_format) if by_format else frozenset(self._known())

    def _known(self) -> Iterator[Version]:
        for release in self.releases:
            yield from (Version(1, release.minor, patch) for patch in range(release.patches.last + 1))
        if self.target.patch is not None:
            yield Version(self.target.major, self.target.minor, self.target.patch)

    def _control_plane_versions(self) -> Iterator[Version]:
        yield self.state.cluster_version
        for node in self.state.control_plane:
            yield from (version for name, version in node.components.items() if name in CONTROL_PLANE_COMPONENTS)
