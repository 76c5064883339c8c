"""The static pods of the control plane nodes, and whether the API answers."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable
from typing import TYPE_CHECKING

import yaml

from lab import pod_objects
from lab.releases import Release
from lab.store import Item

if TYPE_CHECKING:
    from lab.cluster import SimulatedCluster

ETCD, APISERVER = "etcd", "kube-apiserver"
CONTROLLERS = ("kube-controller-manager", "kube-scheduler")
COMPONENTS = (ETCD, APISERVER, *CONTROLLERS)
MANIFESTS = "/etc/kubernetes/manifests"


class ControlPlane:
    """What every control plane node runs. The API endpoint stands for a load balancer before all of them."""

    def __init__(self, cluster: SimulatedCluster, release: Release) -> None:
        self.cluster = cluster
        self.images: dict[str, dict[str, str]] = {}
        #: What kubeadm replaces right now.
        self.down: set[tuple[str, str]] = set()
        self.swapping: set[str] = set()
        #: Nodes whose kubelet has taken all static Pods down.
        self.fallen: set[str] = set()
        #: Of those, the ones whose machine has lost its power.
        self.booting: set[str] = set()
        #: The minor of the kubelet that made a node's static Pods; None while they are being made.
        self.made_by: dict[str, int | None] = {}
        self.kubeadm_running: dict[str, str] = {}
        #: Kind, node and component of the faults that the Pods show.
        self._sick: set[tuple[str, str, str]] = set()
        for node in cluster.spec.control_plane_nodes:
            self.images[node] = {component: release.image(component) for component in COMPONENTS}
            self.made_by[node] = release.minor

    def apiservers(self) -> dict[str, Release]:
        return {node: self.apiserver(node) for node in self.images}

    def apiserver(self, node: str) -> Release:
        return Release.parse(self.images[node][APISERVER].rpartition(":")[2])

    def answering(self) -> Release:
        """The version of an apiserver that is up, as /version tells it."""
        return self.apiserver((self.up(APISERVER) or list(self.images))[0])

    def etcd_tag(self, node: str) -> str:
        return self.images[node][ETCD].rpartition(":")[2]

    def is_up(self, node: str, component: str) -> bool:
        faults = self.cluster.faults
        taken_down = (node, component) in self.down or node in self.fallen
        broken = faults.is_on("node_down", node) or faults.sick("static_pod_missing", node, component)
        return not taken_down and not broken

    def up(self, component: str) -> list[str]:
        return [node for node in self.images if self.is_up(node, component)]

    def is_healthy(self, node: str) -> bool:
        """Does this member of etcd answer in time?"""
        faults = self.cluster.faults
        unhealthy = faults.is_on("etcd_member_unhealthy", node) or faults.sick("static_pod_not_ready", node, ETCD)
        return self.is_up(node, ETCD) and not unhealthy

    def ailing(self) -> frozenset[tuple[str, str]]:
        """Apiservers and members of etcd that serve nobody right now."""
        apiservers = {(node, APISERVER) for node in self.images if not self.is_up(node, APISERVER)}
        return frozenset(apiservers | {(node, ETCD) for node in self.images if not self.is_healthy(node)})

    def members_up(self) -> list[str]:
        return [node for node in self.images if self.is_healthy(node)]

    def learners(self) -> list[str]:
        return [node for node in self.images if self.cluster.faults.is_on("etcd_learner", node)]

    def alarms(self) -> list[tuple[str, str]]:
        return [(n, fault.alarm) for n in self.images for fault in self.cluster.faults.matching("etcd_alarm", n)]

    def has_quorum(self) -> bool:
        voters = [node for node in self.images if node not in self.learners()]
        return sum(self.is_healthy(node) for node in voters) > len(voters) // 2

    def is_sick(self, node: str) -> bool:
        """Is one of its static Pods broken on purpose?"""
        kinds = ("static_pod_not_ready", "static_pod_missing", "etcd_member_unhealthy")
        return any(self.cluster.faults.is_on(kind, node) for kind in kinds)

    def follow_faults(self) -> None:
        """Mirror Pods are as the faults in force say; what a fault that was lifted took away is made anew."""
        now = {
            (kind, node, component)
            for kind in ("static_pod_missing", "static_pod_not_ready")
            for node in self.images
            for component in COMPONENTS
            if self.cluster.faults.sick(kind, node, component)
        }
        changed, self._sick = now ^ self._sick, now
        for _, node, component in sorted(changed):
            if node not in self.fallen:
                self._put_pod(node, component, anew=False)

    def controllers_up(self) -> bool:
        return all(self.up(component) for component in CONTROLLERS)

    def disturbed(self, node: str) -> bool:
        """Is kubeadm or a kubelet at its static Pods, or about to be?"""
        due = node in self.images and self.made_by[node] != self.cluster.kubelets[node].running.minor
        return node in self.swapping or due

    def write_manifests(self, node: str) -> None:
        for component in COMPONENTS:
            self._write_manifest(node, component)

    def create_pods(self, node: str) -> None:
        for component in COMPONENTS:
            self._put_pod(node, component)

    async def swap(self, node: str, component: str, image: str) -> None:
        """Replace one static pod as the kubelet does after its manifest changed."""
        if component == ETCD:
            self.cluster.rules.etcd_starts(node, image.rpartition(":")[2])
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
        if component == APISERVER:
            self.cluster.rules.apiserver_starts(node)
            self.cluster.sample(node)

    def _duration(self, component: str) -> float:
        latency = self.cluster.latency
        special = {ETCD: latency.etcd_swap, APISERVER: latency.apiserver_swap}
        return special.get(component, latency.static_pod_swap)

    def show_not_ready(self, node: str) -> None:
        """The old mirror Pods, while the API can still be told."""
        self._change_pods(node, lambda pod: pod_objects.set_ready(pod, False))

    def take_down(self, node: str) -> None:
        self.made_by[node] = None
        self.fallen.add(node)
        self.cluster.rules.disrupted()
        self.cluster.refresh_api()

    def bring_up(self, node: str) -> None:
        self.fallen.discard(node)
        self.cluster.refresh_api()

    def show_pending(self, node: str) -> None:
        """New mirror Pods, whose containers nobody has told of yet."""
        for component in COMPONENTS:
            self._put_pod(node, component, status={"phase": "Pending", "qosClass": "Burstable"})

    def show_started(self, node: str) -> None:
        address = self.cluster.addresses[node]
        self._change_pods(node, lambda pod: pod_objects.set_started(pod, address))

    def show_ready(self, node: str) -> None:
        self.made_by[node] = self.cluster.kubelets[node].running.minor
        for component in COMPONENTS:
            self._put_pod(node, component, anew=False)

    def lose_power(self, node: str) -> None:
        if node in self.images:
            self.made_by[node] = None
            self.booting.add(node)
            self.fallen.add(node)

    def read_manifests(self, node: str) -> None:
        for component in COMPONENTS:
            text = self.cluster.hosts[node].files.text(f"{MANIFESTS}/{component}.yaml")
            if text is not None:
                self.images[node][component] = yaml.safe_load(text)["spec"]["containers"][0]["image"]

    def show_booted(self, node: str) -> None:
        """A mirror Pod is kept where the kubelet reads the same Pod from the manifest."""
        self.made_by[node] = self.cluster.kubelets[node].running.minor
        for component in COMPONENTS:
            pod = self.cluster.store.find("Pod", "kube-system", f"{component}-{node}")
            digest = pod["metadata"]["annotations"]["kubernetes.io/config.hash"] if pod else None
            self._put_pod(node, component, anew=digest != self.config_hash(node, component))

    def join(self, node: str) -> None:
        """As kubeadm join: the images of those that are there, and a member of etcd that has been promoted."""
        other = next(iter(self.images))
        self.images[node] = dict(self.images[other])
        self.made_by[node] = self.cluster.kubelets[node].running.minor

    def _change_pods(self, node: str, edit: Callable[[Item], None]) -> None:
        for component in COMPONENTS:
            self.cluster.store.change("Pod", "kube-system", f"{component}-{node}", edit)

    def config_hash(self, node: str, component: str) -> str:
        """Kubelets of different minors read different Pods from one manifest."""
        minor = self.cluster.kubelets[node].running.minor
        return pod_objects.static_hash(component, node, self.images[node][component], minor)

    def _put_pod(self, node: str, component: str, anew: bool = True, status: Item | None = None) -> None:
        """The mirror Pod as it has to be, Ready unless a fault says otherwise; with another uid if it is made anew."""
        store, faults, name = self.cluster.store, self.cluster.faults, f"{component}-{node}"
        missing = faults.sick("static_pod_missing", node, component)
        if anew or missing:
            store.remove("Pod", "kube-system", name)
        if missing or store.find("Node", None, node) is None:
            return
        pod = store.find("Pod", "kube-system", name)
        pod = copy.deepcopy(pod) if pod is not None else self._mirror_pod(node, component)
        pod_objects.set_ready(pod, not faults.sick("static_pod_not_ready", node, component))
        store.put(pod if status is None else pod | {"status": status})

    def _mirror_pod(self, node: str, component: str) -> Item:
        image, digest = self.images[node][component], self.config_hash(node, component)
        command = [component, *self.arguments(node, component)]
        item = self.cluster.store.find("Node", None, node)
        assert item is not None
        return pod_objects.static_pod(component, item, image, command, digest)

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
        spec = self.cluster.spec
        pki = spec.certificates
        match component:
            case "etcd":
                urls = f"https://127.0.0.1:2379,https://{address}:2379"
                files = [f"--cert-file={pki}/etcd/server.crt", f"--key-file={pki}/etcd/server.key"]
                files.append(f"--trusted-ca-file={pki}/etcd/ca.crt")
                return [f"--name={node}", f"--data-dir={spec.etcd_data}", f"--listen-client-urls={urls}", *files]
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
