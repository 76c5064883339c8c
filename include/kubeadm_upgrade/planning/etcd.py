"""etcd along a path: what its members run, which tag kubeadm-config fixes, and whether a gate is missed."""

from __future__ import annotations

from dataclasses import dataclass

from kubeadm_upgrade.planning.state import NodeState, State
from kubeadm_upgrade.releases.release import Minimum
from kubeadm_upgrade.version import Version, etcd_version


@dataclass(frozen=True)
class Etcd:
    """`runs` is the oldest member; None where no etcd runs on control plane nodes, or none was looked at."""

    runs: Version | None
    pin: str | None = None  # etcd.local.imageTag in kubeadm-config
    ours: bool = False

    @classmethod
    def of(cls, state: State) -> Etcd:
        members = filter(None, map(etcd_on, state.control_plane))
        return cls(min(members, default=None), state.etcd_pinned, bool(state.etcd_pinned and state.etcd_pin_is_ours))

    @property
    def foreign_pin(self) -> str | None:
        """A tag that somebody else has fixed: it is never changed."""
        return None if self.ours else self.pin

    def misses(self, gate: Minimum | None) -> bool:
        return gate is not None and self.runs is not None and self.runs < Version.parse(gate.minimum)

    def is_lifted_by(self, default: str) -> bool:
        """Our tag goes as soon as kubeadm brings as new an etcd by itself; before, it would go back to an older one."""
        pin, brings = etcd_version(self.pin), etcd_version(default)
        return self.ours and pin is not None and brings is not None and brings >= pin

    def applied(self, default: str) -> Etcd:
        """After kubeadm was applied whose own etcd is `default`. It never puts an older one in the place of a newer."""
        pin = None if self.is_lifted_by(default) else self.pin
        return Etcd(self._at_least(pin or default), pin, self.ours and pin is not None)

    def pinned(self, gate: Minimum) -> Etcd:
        """After a hop through this gate. A tag of ours that is new enough stays: members may run it already."""
        fixed = etcd_version(self.pin)
        pin = self.pin if self.pin and fixed and fixed >= Version.parse(gate.minimum) else f"{gate.minimum}-0"
        return Etcd(self._at_least(pin), pin, ours=True)

    def _at_least(self, tag: str) -> Version | None:
        version = etcd_version(tag)  # a tag of somebody's own says nothing
        return max(self.runs, version) if self.runs and version else self.runs


def etcd_on(node: NodeState) -> Version | None:
    return node.components.get("etcd")
