"""Who watches a cluster in memory: what must never happen, written down as it happens.

It knows the cluster and the ledger; of the product's own judgement it uses nothing but the skew policy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kubeadm_upgrade.actions import (
    Action,
    Evict,
    LedgerAction,
    PatchNode,
    RepeatPreflight,
    Run,
    TakeClusterAgain,
    TakeSlot,
)
from kubeadm_upgrade.assignment import Assignment
from kubeadm_upgrade.ledger.ledger import CONTROL_PLANE
from kubeadm_upgrade.planning import skew
from kubeadm_upgrade.version import Version

if TYPE_CHECKING:
    from in_memory.cluster import Cluster, Node


_Who = tuple[str, str, str]


def _who(work: Assignment) -> _Who:
    return str(work.run), work.group, work.node


class Watch:
    """`by` is who did it; None for people, who may do what they like as long as it does not go backwards."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.violations: list[str] = []
        self.log: list[str] = []
        self._versions: dict[tuple[object, str], Version] = {}
        self._broken: set[str] = set()
        self._limits: dict[str, int] = {}  # worker -> how many might be out of service when it got its slot
        self._out: dict[_Who, set[str]] = {}  # at the last look: workers that were not well
        self._limit: dict[_Who, int] = {}
        self._kubelets: dict[str, Node] = {}  # control plane node -> the machine whose kubelet we restarted
        self._started: dict[tuple[Node, str], str] = {}  # a purpose on a machine -> the unit of its last start
        self._cleared: set[tuple[Node, str]] = set()
        self.see(None)

    def say(self, what: str) -> None:
        self.violations.append(f"[tick {self.cluster.ticks}] {what}")
        self.log.append(f"VIOLATION {what}")

    def note(self, what: str) -> None:
        self.log.append(f"[tick {self.cluster.ticks}] {what}")

    def see(self, by: str | None) -> None:
        """Something has changed."""
        cluster = self.cluster
        now: dict[tuple[object, str], Version] = {(cluster, "kubeadm-config"): cluster.version}
        for node in cluster.nodes.values():
            now |= {(node, f"package {name}"): Version.of_package(text) for name, text in node.packages.items()}
            now |= {(node, one): Version.parse(tag.partition("-")[0]) for one, tag in node.manifests.items()}
            now[node, "kubelet"] = node.kubelet
        for key, version in now.items():
            if version < self._versions.get(key, version):
                self.say(f"{key[1]} on {getattr(key[0], 'name', 'the cluster')} went back to {version} ({by})")
        self._versions = now
        broken = {str(violation) for violation in skew.violations(cluster.components())}
        for one in broken - self._broken if by else ():
            self.say(f"skew: {one} ({by})")
        self._broken = broken

    def looked(self, work: Assignment) -> None:
        """What was known when it was decided: between a look and a slot nobody can do better."""
        cluster = self.cluster
        workers = cluster.of_kind(control_plane=False)
        self._out[_who(work)] = {
            node.name
            for node in workers
            if node.name != work.node
            and node.name not in cluster.ledger.given_up
            and (not node.ready or node.cordoned_by is not None or node.name in cluster.ledger.slots)
        }
        self._limit[_who(work)] = cluster.inventory.rollout.workers_at_once(len(workers))

    def before(self, work: Assignment, action: Action) -> None:
        """A run is about to act."""
        self.note(f"{work.run} {work.node} {work.group}.{work.step}: {action}")
        holder = self.cluster.ledger.holder
        if (holder is None or holder.run != work.run) and not isinstance(action, RepeatPreflight):
            self.say(f"{work.run} does not hold the cluster and acts on {work.node} ({work.step}): {action}")
        node = self.cluster.nodes.get(work.node)
        if node is None:
            return
        match action:
            case Run(argv=("kubeadm", *_)):
                self._kubeadm(work, node, action)
            case Run(argv=("systemctl", "restart", "kubelet")):
                self._restart(work, node)
            case Run(unit=str(name)) if "back-up" in name and self._runs(node, "back-up"):
                self.say(f"two snapshots at once on {node.name}")
            case Evict():
                self._needs_slot(work, "drains")
            case PatchNode(verb="cordon"):
                self._cordon(work, node)
            case PatchNode() if node.unschedulable and not node.cordon_is_ours:
                self.say(f"{work.run} uncordons {node.name}, which a person has cordoned")
        if isinstance(action, Run) and node.at_work:
            self.say(f"{action} on {node.name} beside {node.at_work}")

    def changed_ledger(self, work: Assignment, action: LedgerAction) -> None:
        if isinstance(action, TakeClusterAgain) or not isinstance(action, TakeSlot):
            return
        if action.lane == CONTROL_PLANE:
            others = self.cluster.ledger.held_in(CONTROL_PLANE) - {work.node}
            there = {node.name for node in self.cluster.of_kind(control_plane=True)}
            if others & there - self.cluster.ledger.given_up.keys():
                self.say(f"{work.node} has got a slot beside {sorted(others & there)}")
            return
        self._limits[work.node] = self._limit[_who(work)]
        if len(self._out[_who(work)]) >= self._limit[_who(work)]:
            self.say(f"{work.node} has got a slot beside {sorted(self._out[_who(work)])}, of {self._limit[_who(work)]}")

    def cleared(self, node: str, step: str) -> None:
        """A person has seen a failure, and wants it tried again."""
        if node in self.cluster.nodes:
            self._cleared |= {key for key in self._started if key[0] is self.cluster.nodes[node]}

    def person_starts_anew(self) -> None:
        self._cleared |= self._started.keys()

    def _kubeadm(self, work: Assignment, node: Node, run: Run) -> None:
        """One at a time on the control plane; never again by itself where it failed."""
        if run.unit in node.units:
            return  # systemd refuses, and the caller attaches
        if node.busy:
            self.say(f"two kubeadm at once on {node.name}: {run}")
        if not node.control_plane:
            return
        busy = [one.name for one in self.cluster.of_kind(control_plane=True) if one.busy and one is not node]
        if busy:
            self.say(f"kubeadm on {node.name} beside {busy}")
        self._needs_slot(work, "applies to")
        purpose = (node, str(run.unit).partition(".try-")[0])
        last = node.units.get(self._started.get(purpose, ""))
        if last is not None and last.state[1] == "failed" and purpose not in self._cleared:
            self.say(f"{run.unit} on {node.name} is run again, and nobody has cleared it")
        if last is not None and last.state[2] == "exited":
            self.say(f"{run.unit} on {node.name} is run again after it has succeeded")
        self._started[purpose] = str(run.unit)
        self._cleared.discard(purpose)

    def _restart(self, work: Assignment, node: Node) -> None:
        self._needs_slot(work, "restarts the kubelet of")
        if not node.unschedulable:
            self.say(f"the kubelet of {node.name} is restarted while it is in service")
        if left := [name for name, pod in node.pods.items() if pod.owner != "DaemonSet"]:
            self.say(f"the kubelet of {node.name} is restarted under {left}")
        if not node.control_plane:
            return
        for one in self.cluster.of_kind(control_plane=True):
            started = self._kubelets.get(one.name) is one and len(one.static) < len(one.manifests)
            if one is not node and (one.busy or started):
                self.say(f"the kubelet of {node.name} is restarted while {one.name} is not through")
        self._kubelets[node.name] = node

    def _needs_slot(self, work: Assignment, what: str) -> None:
        if self.cluster.ledger.slot_of(work.node, work.run) is None:
            self.say(f"{work.run} {what} {work.node} without a slot")

    def _cordon(self, work: Assignment, node: Node) -> None:
        self._needs_slot(work, "cordons")
        if node.control_plane:
            return
        given_up = self.cluster.ledger.given_up
        others = {
            one.name
            for one in self.cluster.of_kind(control_plane=False)
            if one is not node and one.cordoned_by is not None and one.name not in given_up
        }
        limit = max(self._limits.get(name, 1) for name in {*others, node.name})
        if len(others) >= limit:
            self.say(f"{node.name} is cordoned beside {sorted(others)}, of {limit}")

    def _runs(self, node: Node, prefix: str) -> bool:
        return any(name.startswith(prefix) and unit.state[2] == "running" for name, unit in node.units.items())
