"""What a test sees of one cluster; safe to use from any thread."""

from __future__ import annotations

import copy
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab import node_objects, pod_objects
from lab.cluster import SimulatedCluster
from lab.kinds import BY_GROUP_KIND
from lab.lab_faults import Faults
from lab.machines import Connect, LabNode, Machines
from lab.records import ApiRecord, CommandRecord, HealthRecord, PodRecord, PowerRecord, Record, Sample
from lab.store import Event, Item

Run = Callable[[Coroutine[Any, Any, Any]], Any]


@dataclass(frozen=True)
class NodeState:
    """A node and its host at one moment."""

    name: str
    ready: bool
    schedulable: bool
    kubelet: str
    kubeadm_installed: str
    kubelet_installed: str
    kubectl_installed: str
    held: tuple[str, ...]
    apiserver: str | None
    etcd: str | None
    pods: tuple[str, ...]
    evictable: tuple[str, ...]


class LabCluster:
    """Everything here answers with copies."""

    def __init__(
        self,
        run: Run,
        simulated: SimulatedCluster,
        nodes: Mapping[str, LabNode],
        admin_kubeconfig: Path,
        connect: Connect | None = None,
    ) -> None:
        self._run = run
        self.simulated = simulated
        self.name = simulated.spec.name
        self.spec = simulated.spec
        self.nodes = dict(nodes)
        self.admin_kubeconfig = admin_kubeconfig
        self.api_url = simulated.api_url
        self.ca_pem = simulated.identity.ca_pem
        self.faults = Faults(run, simulated)
        self.machines = Machines(simulated, self.nodes, connect)
        self.service_accounts: dict[str, Path] = {}

    @property
    def log(self) -> list[CommandRecord]:
        return list(self.simulated.records.commands)

    @property
    def timeline(self) -> list[Sample]:
        return list(self.simulated.records.samples)

    @property
    def mutations(self) -> list[ApiRecord]:
        return list(self.simulated.records.mutations)

    @property
    def requests(self) -> int:
        """How many the API has had."""
        return self.simulated.records.requests

    @property
    def dry_runs(self) -> list[ApiRecord]:
        """Requests with dryRun=All: they are judged as any other, and change nothing."""
        return list(self.simulated.records.dry_runs)

    @property
    def effects(self) -> list[str]:
        """Pods for whose eviction a webhook has done something of its own."""
        return list(self.simulated.records.effects)

    @property
    def pods(self) -> list[PodRecord]:
        """What became of Pods that somebody took away, in order."""
        return list(self.simulated.records.pods)

    @property
    def health(self) -> list[HealthRecord]:
        """Every change of what is ill in the control plane."""
        return list(self.simulated.records.health)

    @property
    def power(self) -> list[PowerRecord]:
        return list(self.simulated.records.power)

    def do(self, what: Callable[[], object]) -> None:
        """On the lab's loop, between two things that happen there."""

        async def do() -> None:
            what()

        self._run(do())

    def listen(self, listener: Callable[[Record], None]) -> None:
        """It hears of every record as it is made, on the lab's loop."""
        self.do(lambda: self.simulated.records.listeners.append(listener))

    def watch(self, listener: Callable[[Event], None]) -> None:
        """It hears of every change of an object, whoever makes it, on the lab's loop."""
        self.do(lambda: self.simulated.store.listeners.append(listener))

    @property
    def violations(self) -> list[str]:
        return list(self.simulated.records.violations)

    def let_go(self, namespace: str, pod: str) -> None:
        """Whoever has a finalizer on a Pod takes it off: one that was only held by it is gone."""

        async def edit() -> None:
            self.simulated.let_go(namespace, pod)

        self._run(edit())

    def apply(self, objects: Sequence[Item]) -> None:
        """Create or update, as an administrator with kubectl apply."""
        self._run(self._apply([copy.deepcopy(one) for one in objects]))

    async def _apply(self, objects: Sequence[Item]) -> None:
        for item in objects:
            if item.get("kind") == "List":
                await self._apply(item["items"])
                continue
            resource = BY_GROUP_KIND.get((item["apiVersion"], item["kind"]))
            if resource is None:
                raise ValueError(f"the lab does not serve {item['apiVersion']} {item['kind']}")
            if resource.namespaced:
                item["metadata"].setdefault("namespace", "default")
            self.simulated.store.put(item)

    def change(self, kind: str, namespace: str | None, name: str, edit: Callable[[Item], None]) -> None:
        """As kubectl edit or patch, of the object as it is at that moment; nothing where there is none."""
        self.do(lambda: self.simulated.store.change(kind, namespace, name, edit))

    def remove(self, kind: str, namespace: str | None, name: str) -> None:
        """As kubectl delete, of what nobody has to end first."""

        async def edit() -> None:
            self.simulated.store.remove(kind, namespace, name)

        self._run(edit())

    def service_account_kubeconfig(self, namespace: str, name: str) -> Path:
        """A kubeconfig with a fresh bearer token; the account need not exist."""

        path = self.simulated.identity.service_account_kubeconfig(self.api_url, namespace, name)
        self.service_accounts[f"{namespace}/{name}"] = path
        return path

    def object(self, kind: str, namespace: str | None, name: str) -> Item | None:
        async def look() -> Item | None:
            return copy.deepcopy(self.simulated.store.find(kind, namespace, name))

        found: Item | None = self._run(look())
        return found

    def objects(self, kind: str, namespace: str | None = None) -> list[Item]:
        async def look() -> list[Item]:
            return [copy.deepcopy(item) for item in self.simulated.store.each(kind, namespace)]

        found: list[Item] = self._run(look())
        return found

    def file(self, node: str, path: str) -> str | None:
        """A file of a host, as root; None if there is none."""
        return self.simulated.hosts[node].files.text(path)

    def put_file(self, node: str, path: str, content: str | bytes, mode: int = 0o644) -> None:
        """As root, making parents; bytes go over SSH as they are."""
        self._run(self.machines.put_file(node, path, content, mode))

    def write_journal(self, node: str, unit: str, line: str | bytes) -> None:
        """``unit`` by its full name."""
        self._run(self.machines.write_journal(node, unit, line))

    def reboot(self, node: str) -> None:
        """Sessions, commands and transient units are gone; returns when the machine is up and its kubelet starts."""
        self._run(self.machines.reboot(node))

    def power_off(self, node: str) -> None:
        """As a plug that is pulled; ``power_on`` boots the machine again."""
        self._run(self.machines.power_off(node))

    def power_on(self, node: str) -> None:
        self._run(self.machines.power_on(node))

    def delete_node(self, node: str) -> None:
        """The Node and its Pods go; the host stays reachable, and its kubelet does not register again."""
        self._run(self.machines.delete(node))

    def register_node(
        self, name: str, info: dict[str, str], labels: dict[str, str] | None = None, taint: str | None = None
    ) -> None:
        """A Node without a host, always Ready: a virtual kubelet, another system. ``info`` is its ``nodeInfo``."""
        self._run(self.machines.register(name, info, labels or {}, taint))

    def join_node(self, name: str, version: str, control_plane: bool = False) -> LabNode:
        """A new host with packages of that version; in ``nodes``, lab.json and known_hosts from then on."""
        joined: LabNode = self._run(self.machines.join(name, version, control_plane))
        return joined

    def set_label(self, node: str, label: str, value: str | None = "") -> None:
        """None takes the label away."""
        self._run(self.machines.label(node, label, value))

    def is_settled(self) -> bool:
        """Are static Pods made anew, does the API serve everybody, and are controllers back?"""

        async def look() -> bool:
            return self.simulated.is_settled()

        return bool(self._run(look()))

    def set_metrics(self, text: str) -> None:
        """What GET /metrics answers, such as apiserver_requested_deprecated_apis lines."""
        self.simulated.metrics = text

    def node_state(self, name: str) -> NodeState:
        async def look() -> NodeState:
            return _node_state(self.simulated, name)

        state: NodeState = self._run(look())
        return state

    def description(self) -> dict[str, Any]:
        return {
            "api_url": self.api_url,
            "ca_pem": str(self.ca_pem),
            "admin_kubeconfig": str(self.admin_kubeconfig),
            "service_account_kubeconfigs": {name: str(path) for name, path in self.service_accounts.items()},
            "version": self.spec.version,
            "nodes": {
                n.name: {
                    "address": n.address,
                    "port": n.port,
                    "host_key": n.host_key,
                    "certified": n.certified,
                    "control_plane": n.name in self.simulated.control_plane.images,
                }
                for n in list(self.nodes.values())
            },
        }


def _node_state(cluster: SimulatedCluster, name: str) -> NodeState:
    item, host = cluster.store.find("Node", None, name), cluster.hosts[name]
    pods = cluster.pods_on(name)
    apiserver = cluster.control_plane.apiservers().get(name)
    return NodeState(
        name,
        item is not None and node_objects.is_ready(item),
        item is not None and node_objects.is_schedulable(item),
        cluster.kubelets[name].running.v,
        str(host.packages.release("kubeadm")),
        str(host.packages.release("kubelet")),
        str(host.packages.release("kubectl")),
        tuple(sorted(host.packages.holds)),
        apiserver.v if apiserver else None,
        cluster.control_plane.etcd_tag(name) if apiserver else None,
        tuple(pod["metadata"]["name"] for pod in pods),
        tuple(pod["metadata"]["name"] for pod in pods if pod_objects.is_evictable(pod)),
    )
