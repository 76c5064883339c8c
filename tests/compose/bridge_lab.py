"""A lab that containers reach: its nodes and API have addresses on docker's bridge instead of on loopback."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from ipaddress import IPv4Interface
from pathlib import Path

from hosts.docker import docker
from lab.cluster import SimulatedCluster
from lab.identity import Identity
from lab.lab import Lab
from lab.lab_cluster import LabCluster
from lab.spec import ClusterSpec

_FIRST = 100  # docker gives addresses to containers from the other end


class BridgeLab(Lab):
    """Every node has an address of its own, which ends with the bridge of the daemon of our own."""

    def __init__(self, directory: Path, clusters: Sequence[ClusterSpec]) -> None:
        super().__init__(directory, clusters)
        self._bridge, self._network = _default_bridge()
        self._taken = 0

    async def _start_cluster(self, number: int, spec: ClusterSpec) -> None:
        places = {name: self._address() for name in spec.nodes}
        identity = Identity(spec.name, self.directory / spec.name)
        cluster = SimulatedCluster(spec, self.latency, places, self._address(), identity)
        await cluster.start()
        nodes = await self._start_servers(cluster, places)
        admin = identity.admin_kubeconfig(cluster.api_url)
        self.clusters[spec.name] = LabCluster(self.run, cluster, nodes, admin, self._connect)

    def _address(self) -> str:
        address = self._network.network[_FIRST + self._taken]
        self._taken += 1
        subprocess.run(
            ["ip", "address", "replace", f"{address}/32", "dev", self._bridge],
            check=True,
            capture_output=True,
            timeout=20,
        )
        return str(address)


def _default_bridge() -> tuple[str, IPv4Interface]:
    template = '{{index .Options "com.docker.network.bridge.name"}} {{(index .IPAM.Config 0).Subnet}}'
    name, subnet = docker("network", "inspect", "bridge", "--format", template).split()
    return name, IPv4Interface(subnet)
