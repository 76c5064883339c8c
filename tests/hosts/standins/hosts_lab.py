"""A lab whose nodes are real hosts: API, controllers and Pods are simulated, SSH and everything on a host is not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from hosts.host_container import HostContainer
from hosts.standins.bridge import Bridge
from lab import addresses
from lab.cluster import SimulatedCluster
from lab.identity import Identity
from lab.lab import Lab
from lab.lab_cluster import LabCluster
from lab.latency import Latency
from lab.machines import LabNode
from lab.spec import ClusterSpec


class HostsLab(Lab):
    """``machines`` has a host for every node of every cluster, by its name.

    The API stays on loopback: the product runs beside the test, and the hosts use the bridge.
    """

    def __init__(
        self,
        directory: Path,
        clusters: Sequence[ClusterSpec],
        machines: Mapping[str, HostContainer],
        *,
        bridge_address: str,
        ssh_key: Path,
        known_hosts: Path,
        latency: Latency | None = None,
    ) -> None:
        super().__init__(directory, clusters, latency)
        self.machines = machines
        self._nodes = {name: _lab_node(machine) for name, machine in machines.items()}
        self.bridge = Bridge(self.clusters, bridge_address)
        self.ssh_user = next(iter(machines.values())).user
        self._ssh_key, self._known_hosts = ssh_key, known_hosts

    @property
    def known_hosts(self) -> Path:
        return self._known_hosts

    @property
    def ssh_key(self) -> Path:
        return self._ssh_key

    async def _start(self) -> None:
        await super()._start()
        await self.bridge.open()

    async def _start_cluster(self, number: int, spec: ClusterSpec) -> None:
        places = {name: self.machines[name].address for name in spec.nodes}
        identity = Identity(spec.name, self.directory / spec.name)
        cluster = SimulatedCluster(spec, self.latency, places, addresses.api_address(number), identity)
        await cluster.start()
        nodes = {name: self._nodes[name] for name in spec.nodes}
        self._servers[spec.name] = []
        self.clusters[spec.name] = LabCluster(self.run, cluster, nodes, identity.admin_kubeconfig(cluster.api_url))

    async def _stop(self) -> None:
        await self.bridge.close()
        await super()._stop()


def _lab_node(machine: HostContainer) -> LabNode:
    return LabNode(machine.name, machine.address, machine.port, machine.host_key, certified=False)
