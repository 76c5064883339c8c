"""Which rules of Kubernetes did somebody break? Nothing is refused here: it is written down."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lab import pod_objects
from lab.budgets import standing
from lab.records import PodRecord, now
from lab.releases import Release, etcd_version
from lab.store import Item

if TYPE_CHECKING:
    from lab.cluster import SimulatedCluster

_ETCD_GATES: dict[tuple[int, ...], str] = {(3, 6): "3.5.26", (3, 7): "3.6.11"}


class Rules:
    """https://kubernetes.io/releases/version-skew-policy/ and what an operator must not do at once."""

    def __init__(self, cluster: SimulatedCluster) -> None:
        self.cluster = cluster

    def kubelet_starts(self, node: str, old: Release, new: Release) -> None:
        self._skew(node, new)
        if (new.major, new.minor) == (old.major, old.minor):
            return
        pods = [pod["metadata"]["name"] for pod in self.cluster.pods_on(node) if pod_objects.must_have_gone(pod)]
        if pods:
            self._broken(f"{node}: kubelet restarted from {old} to {new} with {len(pods)} pods not drained")

    def taken_away(self, pod: Item, what: str, grace: float) -> None:
        """Did whoever asked for it take more than its budgets allow? An eviction is refused then; a deletion is not."""
        ready = pod_objects.is_ready(pod)
        counts = standing(self.cluster, pod)
        self._record(pod, what, grace, counts)
        for name, healthy, needed in counts if ready else ():
            if healthy < needed:
                who = f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"
                self._broken(f"{who} was {what}: budget {name} needs {needed} healthy pods and has {healthy}")

    def ended(self, pod: Item, grace: float, killed: bool) -> None:
        self._record(pod, "killed" if killed else "ended", grace)

    def _record(self, pod: Item, what: str, grace: float, counts: tuple[tuple[str, int, int], ...] = ()) -> None:
        metadata, node = pod["metadata"], pod["spec"].get("nodeName", "")
        record = PodRecord(now(), metadata["namespace"], metadata["name"], metadata["uid"], node, what, grace, counts)
        self.cluster.records.of_pod(record)

    def apiserver_starts(self, node: str) -> None:
        for kubelet in self.cluster.registered():
            self._skew(kubelet.node, kubelet.running, f" (apiserver of {node} was replaced)")

    def _skew(self, node: str, kubelet: Release, why: str = "") -> None:
        for name, apiserver in self.cluster.control_plane.apiservers().items():
            if (kubelet.major, kubelet.minor) > (apiserver.major, apiserver.minor):
                self._broken(f"{node}: kubelet {kubelet} is newer than the apiserver {apiserver} of {name}{why}")
            allowed = 2 if kubelet.minor < 25 else 3
            if apiserver.minor - kubelet.minor > allowed:
                self._broken(
                    f"{node}: kubelet {kubelet} is more than {allowed} minors older than apiserver {apiserver}"
                )

    def disrupted(self, acting: str | None = None) -> None:
        """Look whether more than one control plane node is being disturbed right now.

        Who starts something on ``acting`` should have seen what was broken before.
        """
        plane = self.cluster.control_plane
        names = list(plane.images)
        if acting is not None and acting not in names:
            return
        down = [n for n in names if plane.disturbed(n) or not self.cluster.kubelets[n].healthy]
        if acting is not None:
            down = [n for n in names if n == acting or n in down or plane.is_sick(n)]
        if len(down) > 1:
            self._broken(f"control plane nodes {' and '.join(down)} are disrupted at once")
        if len(names) > 1 and not plane.has_quorum():
            count = len(plane.members_up())
            self._broken(f"etcd has lost its quorum: {count} of {len(names)} members are up")

    def etcd_starts(self, node: str, tag: str) -> None:
        """https://etcd.io/docs/ on upgrades to 3.6 and 3.7: which patch every member must have before."""
        plane = self.cluster.control_plane
        gate = _ETCD_GATES.get(etcd_version(tag)[:2])
        for member in plane.images if gate else ():
            if etcd_version(plane.etcd_tag(member)) < etcd_version(gate or ""):
                self._broken(f"{node}: etcd goes to {tag} while the member {member} is at {plane.etcd_tag(member)}")

    def kubeadm_starts(self, node: str, what: str, running: dict[str, str]) -> None:
        self.disrupted(node)
        for other, command in running.items():
            if "apply" in (what, command):
                self._broken(f"{node}: kubeadm upgrade {what} started while {other} runs kubeadm upgrade {command}")

    def _broken(self, sentence: str) -> None:
        self.cluster.records.violate(sentence)
