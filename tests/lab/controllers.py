"""The controller manager and the scheduler: what happens to objects when nobody asks."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

from lab import node_objects, pod_objects, scheduling, workload_objects
from lab.budgets import set_budget_status
from lab.kinds import BY_KIND
from lab.store import Event, Item
from lab.timestamps import micro_time

if TYPE_CHECKING:
    from lab.cluster import SimulatedCluster

CONTROLLERS = ("kube-controller-manager", "kube-scheduler")
_WATCHED = {"Pod", "Node", "Deployment", "ReplicaSet", "DaemonSet", "PodDisruptionBudget"}


class Controllers:
    """One reconciliation of everything, soon after anything changed."""

    def __init__(self, cluster: SimulatedCluster) -> None:
        self.cluster = cluster
        self.store = cluster.store
        self._due = False
        #: Every controller manager or every scheduler is down, or has just come back.
        self.away = False
        self._returning: asyncio.TimerHandle | None = None
        self.store.listeners.append(self._heard)

    def follow(self, up: bool) -> None:
        """They come back last: somebody has to become the leader first; golden/README.md, last section."""
        if not up:
            self.away = True
            if self._returning is not None:
                self._returning.cancel()
                self._returning = None
        elif self.away and self._returning is None:
            delay = self.cluster.latency.controllers_return
            self._returning = asyncio.get_running_loop().call_later(delay, self._return)

    def _return(self) -> None:
        self.away, self._returning = False, None
        self._renew_leases()
        self.wake()

    def _heard(self, event: Event) -> None:
        if event.resource.kind in _WATCHED and not _only_heartbeat(event):
            self.wake()

    def wake(self) -> None:
        if not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self.reconcile)

    def reconcile(self) -> None:
        self._due = False
        if self.away:
            return
        for node in list(self.store.each("Node")):
            self._taint(node)
        self._collect_garbage()
        for deployment in list(self.store.each("Deployment")):
            self._roll(deployment)
        for replica_set in list(self.store.each("ReplicaSet")):
            self._fill(replica_set)
        for daemon_set in list(self.store.each("DaemonSet")):
            self._cover(daemon_set)
        self._schedule()
        for budget in list(self.store.each("PodDisruptionBudget")):
            set_budget_status(self.cluster, budget)

    async def watch_heartbeats(self) -> None:
        """The node lifecycle controller.

        It counts by its own rounds, and not by the clock: where the machine is too busy for the lab, kubelets are no
        more silent than it is blind.
        """
        pause = min(1.0, self.cluster.latency.node_grace / 8)
        seen, silent = dict[str, float](), dict[str, float]()
        while True:
            await asyncio.sleep(pause)
            if not self.cluster.door.answers or self.away:
                continue
            for node, kubelet in self.cluster.kubelets.items():
                heard = kubelet.last_seen != seen.get(node)
                seen[node], silent[node] = kubelet.last_seen, 0.0 if heard else silent[node] + pause
                if silent[node] > self.cluster.latency.node_grace:
                    self._mark_unknown(node)

    async def lead(self) -> None:
        """Who leads renews its lease every two seconds; golden/README.md says how long nobody does."""
        while True:
            self._renew_leases()
            await asyncio.sleep(min(2.0, self.cluster.latency.controllers_return))

    def _renew_leases(self) -> None:
        if self.away or not self.cluster.door.answers:
            return
        for component in CONTROLLERS:
            up = self.cluster.control_plane.up(component)
            lease = self.store.find("Lease", "kube-system", component)
            if lease is None and up:
                self.store.create(node_objects.leader_lease(component, up[0]))
            elif lease is not None and up:
                self._change(lease, lambda item, up=up, name=component: self._renew(item, up, name))

    def _renew(self, lease: Item, up: list[str], component: str) -> None:
        """The one that leads, as long as its process does; else another."""
        holder = lease["spec"]["holderIdentity"].partition("_")[0]
        pod = self.store.find("Pod", "kube-system", f"{component}-{holder}")
        to_the_second = len("2026-11-23T03:50:42")
        made = pod["metadata"]["creationTimestamp"][:to_the_second] if pod else ""
        same = holder in up and bool(made) and made <= lease["spec"]["acquireTime"][:to_the_second]
        new = lease["spec"] if same else node_objects.leader_lease(component, up[0])["spec"]
        lease["spec"] = new | {"renewTime": micro_time()}

    def _mark_unknown(self, node: str) -> None:
        item = self.store.find("Node", None, node)
        if item is None or node_objects.readiness(item) == "Unknown":
            return
        self.store.change("Node", None, node, lambda i: node_objects.set_unknown(i["status"]))
        self.cluster.kubelets[node].given_up = True
        for pod in self.cluster.pods_on(node):
            self._change(pod, lambda p: pod_objects.set_ready(p, False))

    def _taint(self, node: Item) -> None:
        wanted = node_objects.wanted_taints(node)
        if wanted != node["spec"].get("taints", []):
            self.store.change("Node", None, node["metadata"]["name"], lambda item: _set_taints(item, wanted))

    def _collect_garbage(self) -> None:
        alive = {item["metadata"]["uid"] for item in self.store.items.values()}
        for kind in ("ReplicaSet", "Pod"):
            for item in list(self.store.each(kind)):
                owner = pod_objects.controller_of(item)
                if owner and owner["uid"] not in alive:
                    self.store.remove(kind, item["metadata"]["namespace"], item["metadata"]["name"])

    def _roll(self, deployment: Item) -> None:
        """One ReplicaSet per template; a changed template replaces the whole set at once."""
        wanted = workload_objects.replica_set(deployment)
        metadata = deployment["metadata"]
        for old in list(self.store.each("ReplicaSet", metadata["namespace"])):
            owned = pod_objects.controller_of(old).get("uid") == metadata["uid"]
            if owned and old["metadata"]["name"] != wanted["metadata"]["name"]:
                self.store.remove("ReplicaSet", metadata["namespace"], old["metadata"]["name"])
        current = self.store.find("ReplicaSet", metadata["namespace"], wanted["metadata"]["name"])
        if current is None:
            self.store.create(wanted)
        elif current["spec"]["replicas"] != wanted["spec"]["replicas"]:
            self._change(current, lambda item: item["spec"].update(replicas=wanted["spec"]["replicas"]))

    def _pods_of(self, owner: Item) -> list[Item]:
        uid, namespace = owner["metadata"]["uid"], owner["metadata"]["namespace"]
        return [pod for pod in self.store.each("Pod", namespace) if pod_objects.controller_of(pod).get("uid") == uid]

    def _fill(self, replica_set: Item) -> None:
        alive = [pod for pod in self._pods_of(replica_set) if not pod_objects.is_terminating(pod)]
        wanted = replica_set["spec"]["replicas"]
        for _ in range(wanted - len(alive)):
            self.store.create(pod_objects.from_template(replica_set, None))
        for pod in alive[wanted:]:
            self.cluster.terminate(pod)
        ready = sum(pod_objects.is_ready(pod) for pod in alive)
        self._count(replica_set, ready, wanted)
        owner = pod_objects.controller_of(replica_set)
        deployment = owner and self.store.find("Deployment", replica_set["metadata"]["namespace"], owner["name"])
        if deployment:
            self._count(deployment, ready, wanted)

    def _count(self, item: Item, ready: int, wanted: int) -> None:
        counts = {"replicas": wanted, "readyReplicas": ready, "availableReplicas": ready}
        if item["kind"] == "Deployment":
            counts |= {"updatedReplicas": wanted, "unavailableReplicas": wanted - ready}
        counts["observedGeneration"] = item["metadata"].get("generation", 1)
        if item.get("status") != counts:
            self._change(item, lambda one: one.update(status=counts))

    def _cover(self, daemon_set: Item) -> None:
        """One pod per node, with the image of the template: an outdated pod is replaced at once."""
        nodes = {node["metadata"]["name"] for node in self.store.each("Node")}
        wanted = daemon_set["spec"]["template"]["spec"]["containers"][0]["image"]
        ready = 0
        for pod in self._pods_of(daemon_set):
            nodes.discard(pod["spec"]["nodeName"])
            ready += pod_objects.is_ready(pod)
            if pod["spec"]["containers"][0]["image"] != wanted and not pod_objects.is_terminating(pod):
                self.cluster.terminate(pod)
        for node in sorted(nodes):
            self.cluster.start_pod(self.store.create(pod_objects.from_template(daemon_set, node)))
        total = sum(1 for _ in self.store.each("Node"))
        counts = {
            "desiredNumberScheduled": total,
            "currentNumberScheduled": total,
            "updatedNumberScheduled": total,
        }
        counts |= {"numberReady": ready, "numberAvailable": ready, "numberMisscheduled": 0}
        counts["observedGeneration"] = daemon_set["metadata"].get("generation", 1)
        if daemon_set.get("status") != counts:
            self._change(daemon_set, lambda one: one.update(status=counts))

    def _schedule(self) -> None:
        for pod in list(self.store.each("Pod")):
            if "nodeName" in pod["spec"] or pod_objects.is_terminating(pod):
                continue
            if node := self._place_for(pod):
                placed = self._change(pod, lambda item, node=node: item["spec"].update(nodeName=node))
                if placed:
                    self.cluster.start_pod(placed)
            else:
                message = scheduling.message(self.cluster, pod)
                self._change(pod, lambda item, message=message: pod_objects.set_unschedulable(item, message))

    def _place_for(self, pod: Item) -> str | None:
        """The node with the fewest pods of the same kind, among those that would take it."""
        fit = [node for node in self.store.each("Node") if self._fits(pod, node)]
        labels = pod["metadata"].get("labels", {})

        def crowd(node: Item) -> tuple[int, int, float]:
            there = self.cluster.pods_on(node["metadata"]["name"])
            same = sum(1 for one in there if one["metadata"].get("labels") == labels)
            return same, len(there), random.random()

        return min(fit, key=crowd)["metadata"]["name"] if fit else None

    def _fits(self, pod: Item, node: Item) -> bool:
        return node_objects.is_ready(node) and not scheduling.why_not(self.cluster, pod, node)

    def _change(self, item: Item, edit) -> Item | None:  # type: ignore[no-untyped-def]
        metadata = item["metadata"]
        return self.store.change(item["kind"], metadata.get("namespace"), metadata["name"], edit)


def _set_taints(item: Item, taints: list[dict[str, str]]) -> None:
    item["spec"]["taints"] = taints
    if not taints:
        del item["spec"]["taints"]


def _only_heartbeat(event: Event) -> bool:
    """Heartbeats are most of all changes and mean nothing to a controller."""
    if event.resource is not BY_KIND["Node"] or event.previous is None:
        return False
    same_spec = event.item["spec"] == event.previous["spec"]
    same_labels = event.item["metadata"].get("labels") == event.previous["metadata"].get("labels")
    return same_spec and same_labels and node_objects.readiness(event.item) == node_objects.readiness(event.previous)
