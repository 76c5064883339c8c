"""Who watches a cluster in memory: what must never happen, written down as it happens.

It knows the cluster and the ledger; of the product's own judgement it uses nothing but the skew policy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from kubeadm_upgrade.actions import (
    Action,
    Evict,
    LedgerAction,
    PatchNode,
    RepeatPreflight,
    Run,
    TakeSlot,
)
from kubeadm_upgrade.assignment import Assignment
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.ledger.ledger import CONTROL_PLANE
from kubeadm_upgrade.planning import skew
from kubeadm_upgrade.version import Version

if TYPE_CHECKING:
    from in_memory.cluster import Cluster, Node


_Who = tuple[str, str, str]


def _who(work: Assignment) -> _Who:
    return str(work.run), work.group, work.node


@dataclass(frozen=True)
class Seen:
    """What stood when a run last looked: between a look and an act nobody can know better."""

    out: frozenset[str]  # other workers that are out of service, those that were given up apart
    limit: int
    held: bool  # a slot of this run
    doing: str  # what its slot tells to have been begun and not ended
    was_out: bool
    drained: bool
    ailing: bool  # something of the control plane was not Ready, or not there


class Watch:
    """`by` is who did it; None for people, who may do what they like as long as it does not go backwards."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.violations: list[str] = []
        self.log: list[str] = []
        self._there: dict[tuple[object, str], Version | str] = {}
        self._broken: set[str] = set()
        self._limits: dict[str, int] = {}  # worker -> how many might be out of service when it got its slot
        self._seen: dict[_Who, Seen] = {}
        self._started: dict[tuple[Node, str], str] = {}  # a purpose on a machine -> the unit of its last start
        self._failed: set[Node] = set()  # where kubeadm has failed and nobody has seen it since
        self.see(None)

    def say(self, what: str) -> None:
        self.violations.append(f"[tick {self.cluster.ticks}] {what}")
        self.log.append(f"VIOLATION {what}")

    def note(self, what: str) -> None:
        self.log.append(f"[tick {self.cluster.ticks}] {what}")

    def see(self, by: str | None) -> None:
        """Something may have changed."""
        cluster = self.cluster
        now: dict[tuple[object, str], Version | str] = {(cluster, "kubeadm-config"): cluster.version}
        for node in cluster.nodes.values():
            now |= {(node, f"package {name}"): text for name, text in node.packages.items()}
            now |= {(node, component): tag for component, tag in node.manifests.items()}
            now |= {(node, "running"): " ".join(node.static), (node, "kubelet"): node.kubelet}
            now[node, "kube-proxy"] = cluster.kube_proxy
        if now == self._there:
            return
        for key in now.keys() & self._there.keys():
            if key[1] != "running" and _version(now[key]) < _version(self._there[key]):
                self.say(f"{key[1]} on {getattr(key[0], 'name', 'the cluster')} went back to {now[key]} ({by})")
        self._there = now
        broken = {str(violation) for violation in skew.violations(cluster.components())}
        for one in broken - self._broken if by else ():
            self.say(f"skew: {one} ({by})")
        self._broken = broken

    def looked(self, work: Assignment) -> None:
        cluster, ledger = self.cluster, self.cluster.ledger
        workers, here = cluster.of_kind(control_plane=False), cluster.nodes[work.node]
        self._seen[_who(work)] = Seen(
            frozenset(
                node.name
                for node in workers
                if node is not here
                and node.name not in ledger.given_up
                and (not node.ready or node.cordoned_by is not None or ledger.slot_of(node.name, work.run))
            ),
            limit=cluster.inventory.rollout.workers_at_once(len(workers)),
            held=ledger.slot_of(work.node, work.run) is not None,
            doing=ledger.slots[work.node].doing if work.node in ledger.slots else "",
            was_out=here.cordoned_by is not None,
            drained=here.unschedulable and not here.pods,
            ailing=any(_ails(node) for node in cluster.of_kind(control_plane=True)),
        )

    def before(self, work: Assignment, action: Action) -> None:
        """A run is about to act."""
        self.note(f"{work.run} {work.node} {work.group}.{work.step}: {action}")
        if not isinstance(action, RepeatPreflight | LedgerAction):
            self._needs_cluster(work, action)
        node = self.cluster.nodes.get(work.node)
        if node is None:
            return
        match action:
            case Run():
                self._run(work, node, action)
            case Evict():
                self._needs_slot(work, "drains")
            case PatchNode(verb="cordon"):
                self._cordon(work, node)
            case PatchNode(verb="uncordon") if node.unschedulable and not node.cordon_is_ours:
                self.say(f"{work.run} uncordons {node.name}, which a person has cordoned")

    def changed_ledger(self, work: Assignment, action: LedgerAction) -> None:
        self._needs_cluster(work, action)
        if not isinstance(action, TakeSlot):
            return
        if action.lane == CONTROL_PLANE:
            others = self.cluster.ledger.held_in(CONTROL_PLANE) - {work.node}
            there = {node.name for node in self.cluster.of_kind(control_plane=True)}
            if others & there - self.cluster.ledger.given_up.keys():
                self.say(f"{work.node} has got a slot beside {sorted(others & there)}")
            if self._seen[_who(work)].ailing:
                self.say(f"{work.node} has got a slot while the control plane is not healthy")
            unsettled = [one.name for one in self.cluster.of_kind(control_plane=True) if one.settling]
            if unsettled and unsettled != [work.node]:
                self.say(f"{work.node} has got a slot while {unsettled} is not through with its restart")
            return
        seen = self._seen[_who(work)]
        if seen.was_out:  # nobody more is out of service, whatever the limit is by now
            return
        self._limits[work.node] = seen.limit
        if len(seen.out) >= seen.limit:
            self.say(f"{work.node} has got a slot beside {sorted(seen.out)}, of {seen.limit}")

    def ended_well(self, hop: Hop) -> None:
        """What the API does not show of kubeadm's work is done as well."""
        for node in self.cluster.of_kind(control_plane=True):
            if node.name in hop.control_plane and node.configured < hop.to:
                self.say(f"a run to {hop.to} ends well, and on {node.name} kubeadm was not through")

    def cleared(self, node: str) -> None:
        """A person has seen a failure, and wants it tried again."""
        if node in self.cluster.nodes:
            self._failed.discard(self.cluster.nodes[node])

    def person_starts_anew(self) -> None:
        self._failed.clear()

    def kubeadm_failed(self, node: Node) -> None:
        self._failed.add(node)

    def _needs_cluster(self, work: Assignment, action: Action) -> None:
        holder = self.cluster.ledger.holder
        if holder is None or holder.run != work.run:
            self.say(f"{work.run} does not hold the cluster and acts on {work.node} ({work.step}): {action}")

    def _run(self, work: Assignment, node: Node, run: Run) -> None:
        if node.at_work:
            self.say(f"{run} on {node.name} beside {node.at_work}")
        if run.argv[0] == "kubeadm":
            self._kubeadm(work, node, run)
        if run.argv == ("systemctl", "restart", "kubelet"):
            self._restart(work, node)
        anew = run.unit and run.unit not in node.units  # else systemd refuses, and the caller attaches
        if anew and "back-up" in str(run.unit) and self._runs(node, "back-up"):
            self.say(f"two snapshots at once on {node.name}")

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
        purpose = (node, _purpose(str(run.unit)))
        last = node.units.get(self._started.get(purpose, ""))
        if node in self._failed:
            self.say(f"{run.unit} on {node.name} is run again, and nobody has cleared it")
        other = self._seen[_who(work)].doing not in ("", self._started.get(purpose))  # that was cut off
        if last is not None and last.state[2] == "exited" and not other:
            self.say(f"{run.unit} on {node.name} is run again after it has succeeded")
        self._started[purpose] = str(run.unit)

    def _restart(self, work: Assignment, node: Node) -> None:
        self._needs_slot(work, "restarts the kubelet of")
        if not self._seen[_who(work)].drained:
            self.say(f"the kubelet of {node.name} is restarted while it is in service")
        if not node.control_plane:
            return
        for one in self.cluster.of_kind(control_plane=True):
            if one is not node and (one.busy or one.settling):
                self.say(f"the kubelet of {node.name} is restarted while {one.name} is not through")

    def _needs_slot(self, work: Assignment, what: str) -> None:
        if not self._seen[_who(work)].held and self.cluster.ledger.slot_of(work.node, work.run) is None:
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


def _purpose(unit: str) -> str:
    return unit.partition(".try-")[0]


def _version(of: Version | str) -> Version:
    """Of a package, or of an image's tag."""
    return of if isinstance(of, Version) else Version.of_package(of)


def _ails(node: Node) -> bool:
    return (
        not node.ready or len(node.static) < len(node.manifests) or not all(pod.ready for pod in node.static.values())
    )
