"""One simulated cluster, on the lab's loop: what its parts know of each other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Mapping
from typing import Any

from lab import node_objects, pod_objects, shell, workload_objects
from lab.api_door import ApiDoor, Phase
from lab.api_endpoint import ApiEndpoint
from lab.control_plane import ControlPlane
from lab.controllers import Controllers
from lab.faults import FaultBook
from lab.host import Host
from lab.identity import Identity
from lab.kubelet import Kubelet
from lab.latency import Latency
from lab.records import Records, Sample, now
from lab.releases import Release
from lab.rules import Rules
from lab.spec import ClusterSpec
from lab.store import Event, Item, Store
from lab.timestamps import rfc3339


class SimulatedCluster:
    """Built inside the running loop; ``start`` opens its API."""

    def __init__(
        self,
        spec: ClusterSpec,
        latency: Latency,
        addresses: Mapping[str, str],
        api_host: str,
        identity: Identity,
    ) -> None:
        self.spec = spec
        self.latency = latency
        self.addresses = dict(addresses)
        self.identity = identity
        self.tasks: set[asyncio.Task[Any]] = set()
        self.faults = FaultBook(latency.lock_second)
        self.records = Records()
        self.store = Store()
        self.rules = Rules(self)
        self.metrics = ""
        self.door = ApiDoor(self)
        self.endpoint = ApiEndpoint(self, api_host)
        release = Release.parse(spec.version)
        self.kubelets = {name: Kubelet(self, name, release) for name in spec.nodes}
        self.control_plane = ControlPlane(self, release)
        self.hosts: dict[str, Host] = {}
        self.controllers = Controllers(self)

    @property
    def api_url(self) -> str:
        return self.endpoint.url

    async def start(self) -> None:
        await self.endpoint.open()
        release = Release.parse(self.spec.version)
        self.hosts = {name: Host(self, name, release, shell.run_in_unit, shell.KNOWN) for name in self.spec.nodes}
        self.store.listeners.append(self._sample_changed_node)
        self._populate(release)
        self.faults.on_change.append(self.control_plane.follow_faults)
        self.faults.on_change.append(self.refresh_api)
        self.faults.on_change.append(self.controllers.wake)
        self.controllers.reconcile()
        self._settle()
        for kubelet in self.kubelets.values():
            self.spawn(kubelet.beat())
        self.spawn(self.controllers.watch_heartbeats())
        self.spawn(self.controllers.lead())

    def _populate(self, release: Release) -> None:
        for item in workload_objects.namespaces(self.spec) + workload_objects.rbac(release.minor):
            self.store.create(item)
        for number, name in enumerate(self.spec.nodes):
            control_plane = name in self.spec.control_plane_nodes
            self.store.create(node_objects.node(name, self.addresses[name], number, release, control_plane))
        for name in self.spec.control_plane_nodes:
            self.control_plane.write_manifests(name)
            self.control_plane.create_pods(name)
        endpoint = self.api_url.removeprefix("https://")
        for item in workload_objects.config_maps(self.spec, release, endpoint):
            self.store.create(item)
        for item in workload_objects.service_accounts(self.spec):
            self.store.create(item)
        for item in (workload_objects.kube_proxy(release), workload_objects.network(release)):
            self.store.create(item)
        self.store.create(workload_objects.coredns(release))
        for workload in self.spec.workloads:
            self.store.create(workload_objects.deployment(workload))
        for budget in self.spec.pdbs:
            self.store.create(workload_objects.budget(budget))

    def _settle(self) -> None:
        """A lab begins with everything running, whatever pods take to start later."""
        for _ in range(3):
            for pod in list(self.store.each("Pod")):
                self._run_pod(pod["metadata"]["namespace"], pod["metadata"]["name"])
            self.controllers.reconcile()

    def join(self, name: str, release: Release, control_plane: bool) -> None:
        """A host that was not there before, and its Node; ``addresses`` is told where it is by whoever calls."""
        self.kubelets[name] = Kubelet(self, name, release)
        if control_plane:
            self.control_plane.join(name)
        self.hosts[name] = Host(self, name, release, shell.run_in_unit, shell.KNOWN)
        number = len(self.hosts)
        self.store.create(node_objects.node(name, self.addresses[name], number, release, control_plane))
        if control_plane:
            self.control_plane.write_manifests(name)
            self.control_plane.create_pods(name)
        self.spawn(self.kubelets[name].beat())

    def is_settled(self) -> bool:
        """Is everything back that a control plane takes down by itself or for kubeadm?"""
        door, plane = self.door, self.control_plane
        disturbed = any(plane.disturbed(node) for node in plane.images)
        return door.phase is Phase.SERVING and door.knows_nodes and not disturbed and not self.controllers.away

    def registered(self) -> list[Kubelet]:
        """The kubelets whose Nodes there are."""
        return [one for name, one in self.kubelets.items() if self.store.find("Node", None, name) is not None]

    async def stop(self) -> None:
        for host in self.hosts.values():
            for unit in host.units.transient.values():
                if unit.task is not None:
                    unit.task.cancel()
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.endpoint.close()

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task

    @property
    def api_available(self) -> bool:
        """Does it accept connections?"""
        return self.door.phase is not Phase.CLOSED

    def refresh_api(self) -> None:
        """Something of the control plane went down or came up."""
        self.door.refresh()
        self.controllers.follow(self.control_plane.controllers_up())
        self.records.of_health(self.control_plane.ailing())

    def pods_on(self, node: str) -> list[Item]:
        return [pod for pod in self.store.each("Pod") if pod["spec"].get("nodeName") == node]

    def start_pod(self, pod: Item) -> None:
        metadata = pod["metadata"]
        self.spawn(self._start_pod(metadata["namespace"], metadata["name"]))

    async def _start_pod(self, namespace: str, name: str) -> None:
        await asyncio.sleep(self.latency.pod_start)
        self._run_pod(namespace, name)

    def _run_pod(self, namespace: str, name: str) -> None:
        pod = self.store.find("Pod", namespace, name)
        if pod is None or pod["status"]["phase"] == "Running" or "nodeName" not in pod["spec"]:
            return
        address = self.addresses.get(pod["spec"]["nodeName"], "")
        self.store.change("Pod", namespace, name, lambda item: pod_objects.set_running(item, address))

    def take_away(self, pod: Item, what: str, grace: float | None = None) -> None:
        """Somebody asks for it. What becomes of its budgets by that is written down."""
        if pod_objects.is_terminating(pod):
            return
        seconds = pod_objects.grace_of(pod) if grace is None else grace
        self.terminate(pod, grace == 0 or "nodeName" not in pod["spec"], seconds)
        self.rules.taken_away(pod, what, seconds)

    def terminate(self, pod: Item, at_once: bool = False, grace: float | None = None) -> None:
        """Delete a pod the way its kubelet does: it is Terminating for a while."""
        metadata = pod["metadata"]
        if at_once:
            self.store.remove("Pod", metadata["namespace"], metadata["name"])
        elif not pod_objects.is_terminating(pod):
            seconds = pod_objects.grace_of(pod) if grace is None else grace
            self.store.change(
                "Pod", metadata["namespace"], metadata["name"], lambda item: _set_terminating(item, seconds)
            )
            self.spawn(self._finish(metadata["namespace"], metadata["name"], metadata["uid"], seconds))

    async def _finish(self, namespace: str, name: str, uid: str, grace: float) -> None:
        pod = self.store.find("Pod", namespace, name)
        needs = pod_objects.seconds_to_end(pod) if pod else None
        await asyncio.sleep(self.latency.eviction_grace if needs is None else min(needs, grace))
        while (pod := self.store.find("Pod", namespace, name)) and pod["metadata"]["uid"] == uid:
            node = pod["spec"].get("nodeName")
            kubelet = self.kubelets.get(node) if node else None
            if kubelet is None or kubelet.talks:
                self.rules.ended(pod, grace, killed=needs is not None and needs > grace)
                self._end(pod)
                return
            await asyncio.sleep(0.1)

    def _end(self, pod: Item) -> None:
        """Its kubelet is through with it: whoever has a finalizer on it still holds the object."""
        metadata = pod["metadata"]
        if metadata.get("finalizers"):
            self.store.change("Pod", metadata["namespace"], metadata["name"], _set_ended)
        else:
            self.store.remove("Pod", metadata["namespace"], metadata["name"])

    def let_go(self, namespace: str, name: str) -> None:
        """The finalizers of a Pod are taken off."""
        pod = self.store.change("Pod", namespace, name, lambda item: item["metadata"].pop("finalizers", None))
        if pod is not None and pod["metadata"].get("deletionGracePeriodSeconds") == 0:
            self.store.remove("Pod", namespace, name)

    def sample(self, node: str) -> None:
        item = self.store.find("Node", None, node)
        if item is None:
            return
        apiserver = self.control_plane.apiservers().get(node)
        self.records.sample(
            Sample(
                now(),
                node,
                node_objects.is_ready(item),
                node_objects.is_schedulable(item),
                item["status"]["nodeInfo"]["kubeletVersion"],
                apiserver.v if apiserver else None,
            )
        )

    def _sample_changed_node(self, event: Event) -> None:
        if event.resource.kind == "Node" and event.type != "DELETED":
            self.sample(event.item["metadata"]["name"])


def _set_terminating(pod: Item, grace: float) -> None:
    """When it is to be gone, which is its grace period away."""
    due = {"deletionTimestamp": rfc3339(time.time() + grace), "deletionGracePeriodSeconds": int(grace)}
    pod["metadata"] |= due


def _set_ended(pod: Item) -> None:
    pod["metadata"] |= {"deletionTimestamp": rfc3339(), "deletionGracePeriodSeconds": 0}
