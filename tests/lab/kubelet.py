"""The kubelet of one node: heartbeats, and what a restart looks like from outside."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from lab import host_files, kubelet_journal, node_objects, pod_objects, static_pods
from lab.releases import Release
from lab.store import Item
from lab.timestamps import micro_time

if TYPE_CHECKING:
    from lab.cluster import SimulatedCluster

UNIT = "kubelet.service"


class Kubelet:
    """After a restart the Node is Ready as it was, then NotReady, then Ready anew; golden/README.md."""

    def __init__(self, cluster: SimulatedCluster, node: str, release: Release) -> None:
        self.cluster = cluster
        self.node = node
        self.running = release
        self.active = True
        self.pid = random.randrange(600, 900)
        self.started = time.time() - 3600
        self.last_seen = time.monotonic()
        self.restarting = False
        #: Started, but the Node has not heard of it yet.
        self.quiet = False
        self.condition = node_objects.READY
        #: The controllers have said that its Pods are not Ready, since they heard nothing from it.
        self.given_up = False
        #: How often systemd has started it again since somebody asked for a start.
        self.restarts = 0
        self._generation = 0
        #: When it started, and the machine-id that it read then: a real one keeps it as well.
        self._machine = (0.0, "")

    @property
    def talks(self) -> bool:
        """Does the API hear from it?"""
        down = self.cluster.faults.is_on("node_down", self.node)
        return self.active and not down and self.cluster.door.answers

    @property
    def healthy(self) -> bool:
        down = self.cluster.faults.is_on("node_down", self.node)
        return self.active and not down and not self.restarting and self.condition == node_objects.READY

    @property
    def unit_state(self) -> tuple[str, str]:
        """ActiveState and SubState, as systemctl show tells them."""
        if self.active:
            return "active", "running"
        return ("activating", "auto-restart") if self.restarting else ("inactive", "dead")

    def forgive(self) -> None:
        """The API was away: nobody may count that time against the kubelet."""
        self.last_seen = time.monotonic()

    def stop(self) -> None:
        self.active = False
        self._generation += 1
        self.restarting = False

    def start(self, release: Release) -> None:
        """Start the binary on disk."""
        self.cluster.rules.kubelet_starts(self.node, self.running, release)
        self._start(release)
        self.cluster.rules.disrupted(self.node)

    def boot(self, release: Release) -> None:
        """The machine has started; nobody asked for it, so it breaks no rule."""
        self._start(release)

    def _alive(self, generation: int) -> Callable[[], bool]:
        return lambda: generation == self._generation

    def _start(self, release: Release) -> None:
        self._generation += 1
        self.running, self.active, self.restarting, self.quiet = release, True, True, True
        self.restarts = 0
        self._begin()
        self.cluster.spawn(self._come_up(self._generation))
        self.cluster.spawn(static_pods.boot(self.cluster.control_plane, self.node, self._alive(self._generation)))

    def _begin(self) -> None:
        self.pid, self.started = self.pid + random.randrange(50, 900), time.time()
        journal = self.cluster.hosts[self.node].units.journal
        journal.add(UNIT, "systemd[1]", f"Started {UNIT} - kubelet: The Kubernetes Node Agent.")
        for line in kubelet_journal.starting(self.node, self.running.v, self.pid):
            journal.add(UNIT, f"kubelet[{self.pid}]", line)

    def _crash(self) -> None:
        self.active, self.quiet = False, True
        journal = self.cluster.hosts[self.node].units.journal
        for line in kubelet_journal.failing(self.node, self.running.v, self.pid):
            journal.add(UNIT, f"kubelet[{self.pid}]", line)
        journal.add(UNIT, "systemd[1]", f"{UNIT}: Main process exited, code=exited, status=1/FAILURE")
        journal.add(UNIT, "systemd[1]", f"{UNIT}: Failed with result 'exit-code'.")

    async def _crash_loop(self, generation: int) -> None:
        """systemd starts it again and again, for as long as it does not stay up."""
        while generation == self._generation and self.cluster.faults.is_on("kubelet_crashes", self.node):
            self._crash()
            await asyncio.sleep(self.cluster.latency.kubelet_restart)
            if generation == self._generation:
                self.restarts += 1
                self.active = True
                self._begin()

    async def _come_up(self, generation: int) -> None:
        latency = self.cluster.latency
        await self._crash_loop(generation)
        never = self.cluster.faults.is_on("never_ready", self.node)
        await asyncio.sleep(latency.kubelet_silent)
        if generation != self._generation:
            return
        self.quiet = False
        self.condition = node_objects.NO_NETWORK if never else node_objects.PLEG
        self.restarting = never
        self._post()
        await asyncio.sleep(latency.kubelet_not_ready)
        while generation == self._generation and self.cluster.faults.is_on("never_ready", self.node):
            await asyncio.sleep(0.05)
        if generation == self._generation:
            self.condition, self.restarting = node_objects.READY, False
            self._post()
            self.cluster.controllers.wake()
            await self._make_static_pods_anew(generation)

    async def _make_static_pods_anew(self, generation: int) -> None:
        """Those of a kubelet of the same minor are left alone."""
        plane = self.cluster.control_plane
        if plane.made_by.get(self.node, self.running.minor) != self.running.minor and self.node not in plane.booting:
            await static_pods.make_anew(plane, self.node, self._alive(generation))

    async def beat(self) -> None:
        """Post the node's status for as long as the cluster lives."""
        await asyncio.sleep(random.random() * self.cluster.latency.heartbeat)
        while True:
            if not self.quiet:
                self._post()
            await asyncio.sleep(self.cluster.latency.heartbeat)

    def _post(self) -> None:
        if not self.talks:
            return
        self.last_seen = time.monotonic()
        store = self.cluster.store
        item = store.change("Node", None, self.node, self._edit)
        if item is None:
            return
        if store.find("Lease", "kube-node-lease", self.node) is None:
            store.create(node_objects.lease(self.node, item["metadata"]["uid"]))
        store.change("Lease", "kube-node-lease", self.node, _renew)

    def _edit(self, item: Item) -> None:
        node_objects.set_conditions(item["status"], *self.condition)
        item["status"]["nodeInfo"] |= {"kubeletVersion": self.running.v, "kubeProxyVersion": self.running.v}
        item["status"]["nodeInfo"]["machineID"] = self._machine_id()
        item["status"]["nodeInfo"]["bootID"] = self.cluster.hosts[self.node].boot_id
        if self.given_up and self.condition == node_objects.READY:
            self.given_up = False
            self.cluster.spawn(self._pods_are_ready())

    def _machine_id(self) -> str:
        if self._machine[0] != self.started:
            text = str(self.cluster.hosts[self.node].files.text(host_files.MACHINE_ID) or "")
            self._machine = (self.started, text.strip())
        return self._machine[1]

    async def _pods_are_ready(self) -> None:
        """But static Pods that are down, or whose containers do not answer."""
        faults, plane = self.cluster.faults, self.cluster.control_plane
        for pod in self.cluster.pods_on(self.node):
            metadata = pod["metadata"]
            component = metadata.get("labels", {}).get("component", "")
            sick = faults.sick("static_pod_not_ready", self.node, component)
            down = bool(component) and self.node in plane.fallen
            if pod["status"]["phase"] == "Running" and not sick and not down:
                self.cluster.store.change(
                    "Pod", metadata["namespace"], metadata["name"], lambda p: pod_objects.set_ready(p, True)
                )


def _renew(item: Item) -> None:
    item["spec"]["renewTime"] = micro_time()
