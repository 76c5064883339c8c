"""What happens to machines from outside: power is lost, Nodes are deleted, hosts join."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from lab import addresses, node_objects
from lab.cluster import SimulatedCluster
from lab.faults import Fault
from lab.records import PowerRecord, now
from lab.releases import Release
from lab.store import Item


@dataclass(frozen=True)
class LabNode:
    """How to reach a host. With ``certified`` it is known by a host certificate, not by ``host_key``."""

    name: str
    address: str
    port: int
    host_key: str
    certified: bool


#: Gives a new host of that name an SSH server, known as the others are.
Connect = Callable[[SimulatedCluster, str], Awaitable[LabNode]]


class Machines:
    """Used on the lab's loop only; ``nodes`` grows when a host joins."""

    def __init__(self, cluster: SimulatedCluster, nodes: dict[str, LabNode], connect: Connect | None) -> None:
        self.cluster = cluster
        self.nodes = nodes
        self._connect = connect
        self._off: dict[str, Fault] = {}

    async def reboot(self, name: str) -> None:
        """Power is lost and comes back: what ran never ends, and systemd has forgotten every transient unit."""
        await self.power_off(name)
        await asyncio.sleep(self.cluster.latency.reboot)
        await self.power_on(name)

    async def power_off(self, name: str) -> None:
        host = self.cluster.hosts[self._known(name)]
        self.cluster.records.of_power(PowerRecord(now(), name, on=False))
        self.cluster.kubelets[name].stop()
        self._off[name] = self.cluster.faults.add(Fault("node_down", name))
        host.lose_power()
        self.cluster.control_plane.lose_power(name)

    async def power_on(self, name: str) -> None:
        """Once everything that had been running has ended, the machine boots."""
        host = self.cluster.hosts[self._known(name)]
        self.cluster.faults.lift(self._off.pop(name))
        self.cluster.kubelets[name].boot(host.installed("kubelet"))
        self.cluster.records.of_power(PowerRecord(now(), name, on=True))

    async def delete(self, name: str) -> None:
        """As ``kubectl delete node``: the host runs on, and its kubelet does not register again."""
        store = self.cluster.store
        if store.remove("Node", None, name) is None:
            self._known(name)  # a host whose Node has gone already
        store.remove("Lease", "kube-node-lease", name)
        for pod in self.cluster.pods_on(name):
            store.remove("Pod", pod["metadata"]["namespace"], pod["metadata"]["name"])

    async def join(self, name: str, version: str, control_plane: bool = False) -> LabNode:
        """A new host, as ``kubeadm join`` leaves it: packages of that version, held."""
        if self._connect is None:
            raise ValueError("no host can join this lab")
        if name in self.cluster.hosts:
            raise ValueError(f"there is a host {name} already")
        release = Release.parse(version)
        self.cluster.addresses[name] = addresses.next_address(self.cluster.addresses)
        self.cluster.join(name, release, control_plane)
        self.nodes[name] = await self._connect(self.cluster, name)
        return self.nodes[name]

    async def register(self, name: str, info: dict[str, str], labels: dict[str, str], taint: str | None) -> None:
        """A Node behind which there is no machine of this lab, and no kubelet that could be restarted."""
        self.cluster.store.create(node_objects.without_machine(name, info, labels, taint))

    async def label(self, name: str, label: str, value: str | None) -> None:
        """None takes the label away."""

        def edit(item: Item) -> None:
            labels = item["metadata"].setdefault("labels", {})
            labels.pop(label, None)
            if value is not None:
                labels[label] = value

        self.cluster.store.change("Node", None, self._known(name), edit)

    async def put_file(self, name: str, path: str, content: str | bytes, mode: int) -> None:
        self.cluster.hosts[self._known(name)].files.put(path, content, mode)

    async def write_journal(self, name: str, unit: str, line: str | bytes) -> None:
        text = line if isinstance(line, str) else line.decode(errors="surrogateescape")
        self.cluster.hosts[self._known(name)].units.journal.add(unit, unit.partition(".")[0], text)

    def _known(self, name: str) -> str:
        if name not in self.cluster.hosts:
            raise ValueError(f"there is no node {name}; there are {', '.join(self.cluster.hosts)}")
        return name
