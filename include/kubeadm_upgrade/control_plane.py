"""The control plane of a cluster as its API shows it: what runs where, in which version, and what ails it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import starmap

from kubeadm_upgrade.local_etcd import LocalEtcd
from kubeadm_upgrade.roles import without_label
from kubeadm_upgrade.settings import etcd_is_external, read_local_etcd
from kubeadm_upgrade.static_pod import StaticPod
from kubeadm_upgrade.version import Version, etcd_version

CONTROL_PLANE_COMPONENTS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")


@dataclass(frozen=True)
class ControlPlaneFacts:
    """The control plane as a whole: every static Pod, and the version that kubeadm has written down."""

    static_pods: tuple[StaticPod, ...]
    cluster_version: Version  # kubernetesVersion in kubeadm-config: set by `apply` once its static Pods have moved
    nodes_ready: Mapping[str, bool]
    failing_checks: tuple[str, ...] = ()  # of the API server's /readyz, etcd among them
    configuration: str = ""  # the ClusterConfiguration that kubeadm has written down, as YAML
    configuration_version: str = ""  # the resourceVersion of the ConfigMap that it is in
    # nodes that run parts of a control plane and are not labelled for it, with what they run: they are in no list above
    unlabelled: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def versions(self, component: str) -> Mapping[str, Version]:
        """The version of `component` on each node that runs it; etcd has tags of its own and is not for here."""
        return {pod.node: pod.version for pod in self.static_pods if pod.component == component}

    @property
    def unversioned(self) -> tuple[str, ...]:
        """Sentences on the static Pods whose images do not say which version they are."""
        return tuple(said for pod in self.static_pods if (said := pod.unversioned))

    @property
    def minors(self) -> frozenset[int]:
        """Every minor release that a part of the control plane is known to be at."""
        known = (pod for pod in self.static_pods if not pod.unversioned)
        running = (pod.version.minor for pod in known if pod.component in CONTROL_PLANE_COMPONENTS)
        return frozenset({self.cluster_version.minor, *running})

    def at(self, node: str, version: Version) -> bool:
        """Whether every versioned component on `node` runs `version`."""
        return all(self.versions(name).get(node) == version for name in CONTROL_PLANE_COMPONENTS)

    def arrived(self, node: str, version: Version, etcd_pin: str | None = None) -> bool:
        """Whether the hop is done on `node` as far as its static Pods and kubeadm's own record can show it."""
        return self.at(node, version) and self.cluster_version == version and self._etcd_at_least(node, etcd_pin)

    def _etcd_at_least(self, node: str, pin: str | None) -> bool:
        """kubeadm never puts an older etcd in the place of a newer one."""
        tag = self.etcd_tag(node)
        runs, wanted = etcd_version(tag), etcd_version(pin)
        return pin is None or tag == pin or (runs is not None and wanted is not None and runs > wanted)

    @property
    def expected(self) -> tuple[str, ...]:
        """The components that every control plane node runs."""
        external = etcd_is_external(self.configuration)
        return CONTROL_PLANE_COMPONENTS if external else ("etcd", *CONTROL_PLANE_COMPONENTS)

    @property
    def without_static_pods(self) -> frozenset[str]:
        """Nodes that are labelled for the control plane, and run no part of it at all."""
        return frozenset(self.nodes_ready) - {pod.node for pod in self.static_pods}

    @property
    def ailing(self) -> tuple[str, ...]:
        """Sentences on what is not healthy now, or not there; empty when all is well (invariant I3)."""
        return (*starmap(without_label, self.unlabelled.items()), *self.ailing_but_for(frozenset()))

    def ailing_but_for(self, bare: frozenset[str]) -> tuple[str, ...]:
        """The same, but for roles that contradict themselves and for what is missing on these nodes."""
        there = {(pod.component, pod.node) for pod in self.static_pods}
        missing = [
            f"{component} on {node} is missing"
            for node in self.nodes_ready
            for component in self.expected
            if node not in bare and (component, node) not in there
        ]
        pods = [f"{pod.component} on {pod.node} is not Ready" for pod in self.static_pods if not pod.ready]
        nodes = [f"control plane node {name} is not Ready" for name, ready in self.nodes_ready.items() if not ready]
        checks = [f"readyz check {check} fails" for check in self.failing_checks]
        return (*missing, *pods, *nodes, *checks)

    def local_etcd(self, node: str) -> LocalEtcd:
        """Where the member on `node` is found: as it runs, else as kubeadm would start one there."""
        seen = (pod.local_etcd for pod in self.static_pods if (pod.component, pod.node) == ("etcd", node))
        return next(filter(None, seen), None) or read_local_etcd(self.configuration)

    def etcd_tag(self, node: str) -> str | None:
        tags = (pod.image_tag for pod in self.static_pods if (pod.component, pod.node) == ("etcd", node))
        return next(tags, None)

    def etcd_before(self, minimum: str) -> tuple[str, ...]:
        """Nodes whose etcd is older; a tag of somebody's own says nothing."""
        members = ((pod.node, etcd_version(pod.image_tag)) for pod in self.static_pods if pod.component == "etcd")
        return tuple(node for node, version in members if version is not None and version < Version.parse(minimum))

    @property
    def newest(self) -> Version:
        """How far any part of the control plane has come: no way leads back from there."""
        running = [pod.version for pod in self.static_pods if pod.component in CONTROL_PLANE_COMPONENTS]
        return max([self.cluster_version, *running])
