"""The static pods of the control plane nodes, and whether the API answers."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import yaml

from lab import pod_objects
from lab.releases import Release

if TYPE_CHECKING:
    from lab.cluster import SimulatedCluster

COMPONENTS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
MANIFESTS = "/etc/kubernetes/manifests"


class ControlPlane:
    """What every control plane node runs. The API endpoint stands for a load balancer before all of them."""

    def __init__(self, cluster: SimulatedCluster, release: Release) -> None:
        self.cluster = cluster
        self.images: dict[str, dict[str, str]] = {}
        self.down: set[tuple[str, str]] = set()
        self.swapping: set[str] = set()
        self.kubeadm_running: dict[str, str] = {}
        for node in cluster.spec.control_plane_nodes:
            self.images[node] = {component: release.image(component) for component in COMPONENTS}

    def apiservers(self) -> dict[str, Release]:
        return {node: self.apiserver(node) for node in self.images}

    def apiserver(self, node: str) -> Release:
        return Release.parse(self.images[node]["kube-apiserver"].rpartition(":")[2])

    def answering(self) -> Release:
        """The version of an apiserver that is up, as /version tells it."""
        up = [n for n in self.images if (n, "kube-apiserver") not in self.down and self._host_up(n)]
        return self.apiserver((up or list(self.images))[0])

    def etcd_tag(self, node: str) -> str:
        return self.images[node]["etcd"].rpartition(":")[2]

    def members_up(self) -> list[str]:
        return [n for n in self.images if (n, "etcd") not in self.down and self._host_up(n)]

    def available(self) -> bool:
        quorum = len(self.members_up()) > len(self.images) // 2
        apiservers = [n for n in self.images if (n, "kube-apiserver") not in self.down and self._host_up(n)]
        return quorum and bool(apiservers)

    def _host_up(self, node: str) -> bool:
        return not self.cluster.faults.is_on("node_down", node)

    def write_manifests(self, node: str) -> None:
        for component in COMPONENTS:
            self._write_manifest(node, component)

    def create_pods(self, node: str) -> None:
        for component in COMPONENTS:
            self._put_pod(node, component)

    async def swap(self, node: str, component: str, image: str) -> None:
        """Replace one static pod as the kubelet does after its manifest changed."""
        self.images[node][component] = image
        self._write_manifest(node, component)
        self.swapping.add(node)
        self.down.add((node, component))
        self.cluster.rules.disrupted()
        self.cluster.refresh_api()
        try:
            await asyncio.sleep(self._duration(component))
        finally:
            self.down.discard((node, component))
            self.swapping.discard(node)
            self._put_pod(node, component)
            self.cluster.refresh_api()
        if component == "kube-apiserver":
            self.cluster.rules.apiserver_starts(node)
            self.cluster.sample(node)

    def _duration(self, component: str) -> float:
        latency = self.cluster.latency
        special = {"etcd": latency.etcd_swap, "kube-apiserver": latency.apiserver_swap}
        return special.get(component, latency.static_pod_swap)

    def _put_pod(self, node: str, component: str) -> None:
        item = self.cluster.store.find("Node", None, node)
        if item is not None:
            image = self.images[node][component]
            command = [component, *self.arguments(node, component)]
            self.cluster.store.remove("Pod", "kube-system", f"{component}-{node}")
            self.cluster.store.create(pod_objects.static_pod(component, item, image, command))

    def _write_manifest(self, node: str, component: str) -> None:
        self.cluster.hosts[node].files.put(f"{MANIFESTS}/{component}.yaml", self.manifest(node, component), 0o600)

    def manifest(self, node: str, component: str) -> str:
        """Shortened from golden/kube-apiserver-manifest-1.22.yaml and golden/etcd-manifest-1.22.yaml."""
        container = {
            "command": [component, *self.arguments(node, component)],
            "image": self.images[node][component],
            "imagePullPolicy": "IfNotPresent",
            "name": component,
        }
        labels = {"component": component, "tier": "control-plane"}
        metadata = {"labels": labels, "name": component, "namespace": "kube-system"}
        spec = {"containers": [container], "hostNetwork": True, "priorityClassName": "system-node-critical"}
        return yaml.safe_dump({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": {}})

    def arguments(self, node: str, component: str) -> list[str]:
        address = self.cluster.addresses[node]
        pki = "/etc/kubernetes/pki"
        match component:
            case "etcd":
                urls = f"https://127.0.0.1:2379,https://{address}:2379"
                files = [f"--cert-file={pki}/etcd/server.crt", f"--key-file={pki}/etcd/server.key"]
                return [f"--name={node}", "--data-dir=/var/lib/etcd", f"--listen-client-urls={urls}", *files]
            case "kube-apiserver":
                own = [
                    f"--advertise-address={address}",
                    "--authorization-mode=Node,RBAC",
                    "--secure-port=6443",
                ]
                return [*own, f"--client-ca-file={pki}/ca.crt", "--etcd-servers=https://127.0.0.1:2379"]
            case "kube-controller-manager":
                return ["--kubeconfig=/etc/kubernetes/controller-manager.conf", "--leader-elect=true"]
            case _:
                return ["--kubeconfig=/etc/kubernetes/scheduler.conf", "--leader-elect=true"]
