"""A lab: clusters that can be looked at, talked to over real wires, and broken."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from lab import addresses
from lab.cluster import SimulatedCluster
from lab.control_http import ControlEndpoint
from lab.identity import Identity
from lab.lab_cluster import LabCluster
from lab.latency import Latency
from lab.machines import LabNode
from lab.spec import DEMO_CLUSTERS, ClusterSpec
from lab.ssh_keys import SshKeys
from lab.ssh_server import USER, NodeServer

T = TypeVar("T")
_PATIENCE = 60.0


class Lab:
    """Runs its own loop in a thread, from ``with`` on; everything public may be called from any thread."""

    ssh_user = USER

    def __init__(
        self,
        directory: Path | str,
        clusters: Sequence[ClusterSpec] = DEMO_CLUSTERS,
        latency: Latency | None = None,
    ) -> None:
        self.directory = Path(directory)
        self.specs = tuple(clusters)
        self.latency = latency or Latency.none()
        self.clusters: dict[str, LabCluster] = {}
        self.control_url = ""
        self._servers: dict[str, list[NodeServer]] = {}

    @property
    def known_hosts(self) -> Path:
        return self._keys.known_hosts

    @property
    def ssh_key(self) -> Path:
        return self._keys.private_path

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        self._keys = SshKeys(self.directory)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="lab", daemon=True)
        self._thread.start()
        try:
            self.run(self._start())
        except BaseException:
            self.stop()
            raise
        self._keys.write_known_hosts()
        self.write_description()

    def stop(self) -> None:
        with contextlib.suppress(RuntimeError):
            self.run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        if not self._loop.is_running():
            self._loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something on the lab's loop and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE)

    def inventory_hint(self, cluster: str) -> dict[str, dict[str, object]]:
        """Address and SSH port of every node."""
        return {n.name: {"address": n.address, "port": n.port} for n in self.clusters[cluster].nodes.values()}

    def write_description(self) -> Path:
        """Write ``lab.json`` again, after kubeconfigs were added."""
        path = self.directory / "lab.json"
        path.write_text(json.dumps(self.description(), indent=2))
        return path

    def description(self) -> dict[str, Any]:
        """What ``lab.json`` tells another process."""
        return {
            "control_url": self.control_url,
            "known_hosts": str(self.known_hosts),
            "ssh_user": self.ssh_user,
            "ssh_key": str(self.ssh_key),
            "clusters": {name: cluster.description() for name, cluster in self.clusters.items()},
        }

    async def _start(self) -> None:
        self._control = ControlEndpoint(self.clusters)
        for number, spec in enumerate(self.specs):
            await self._start_cluster(number, spec)
        self.control_url = await self._control.open()

    async def _start_cluster(self, number: int, spec: ClusterSpec) -> None:
        places = addresses.node_addresses(spec, number)
        identity = Identity(spec.name, self.directory / spec.name)
        cluster = SimulatedCluster(spec, self.latency, places, addresses.api_address(number), identity)
        await cluster.start()
        nodes = await self._start_servers(cluster, places)
        admin = identity.admin_kubeconfig(cluster.api_url)
        self.clusters[spec.name] = LabCluster(self.run, cluster, nodes, admin, self._connect)

    async def _start_servers(self, cluster: SimulatedCluster, places: Mapping[str, str]) -> dict[str, LabNode]:
        servers: list[NodeServer] = []
        self._servers[cluster.spec.name] = servers
        port = addresses.shared_port(places)
        certified = cluster.spec.worker_nodes[-1:]
        nodes = {name: await self._open_server(cluster, name, port, name in certified) for name in places}
        cluster.faults.on_change.append(lambda: _follow(cluster, servers))
        return nodes

    async def _open_server(self, cluster: SimulatedCluster, name: str, port: int, certified: bool) -> LabNode:
        address = cluster.addresses[name]
        key = self._keys.host_key(name, address, certified)
        server = NodeServer(cluster.hosts[name], address, port, key.server_keys, self._keys.client)
        await server.open()
        self._servers[cluster.spec.name].append(server)
        self._keys.know(address, server.port, key)
        return LabNode(name, address, server.port, key.public, key.certificate is not None)

    async def _connect(self, cluster: SimulatedCluster, name: str) -> LabNode:
        """A host has joined: everything that tells of hosts tells of it."""
        nodes = self.clusters[cluster.spec.name].nodes
        other = next(iter(nodes.values()))
        port = other.port if other.address != cluster.addresses[name] else 0
        nodes[name] = await self._open_server(cluster, name, port, certified=False)
        self._keys.write_known_hosts()
        self.write_description()
        return nodes[name]

    async def _stop(self) -> None:
        await self._control.close()
        for server in [one for servers in self._servers.values() for one in servers]:
            await server.close()
        for cluster in self.clusters.values():
            await cluster.simulated.stop()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        if others:
            await asyncio.wait(others, timeout=2)


def _follow(cluster: SimulatedCluster, servers: Sequence[NodeServer]) -> None:
    for server in servers:
        gone = any(cluster.faults.is_on(kind, server.host.name) for kind in ("node_down", "ssh_down"))
        server.set_up(not gone)
