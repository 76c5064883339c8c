"""Nodes with what is on them: what each has left, and which of them some Pod may go to at all."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping

from kubeadm_upgrade.rehearsal.node_terms import Terms, let
from kubeadm_upgrade.rehearsal.seen import NodeSeen, PodSeen, Seen
from kubeadm_upgrade.rehearsal.taints import CORDON, Taint, untolerated
from kubeadm_upgrade.rehearsal.wants import Spread, Wants

UNSCHEDULABLE = "node(s) were unschedulable"
AFFINITY = "node(s) didn't match Pod's node affinity/selector"
VOLUME = "node(s) had volume node affinity conflict"

Place = tuple[Wants, NodeSeen]


class Population:
    """A cluster at one moment. What is asked again and again of it is kept: Pods that want the same ask the same."""

    def __init__(self, seen: Seen) -> None:
        self.nodes = {node.name: node for node in seen.nodes}
        self.pods: dict[str, list[PodSeen]] = defaultdict(list)
        for pod in seen.pods:
            if pod.counts and pod.node in self.nodes:
                self.pods[pod.node].append(pod)
        self.free = {name: _free(node, self.pods[name]) for name, node in self.nodes.items()}
        self.ports = {name: [port for pod in self.pods[name] for port in pod.wants.ports] for name in self.nodes}
        self._by_namespace: dict[str, list[Place]] = defaultdict(list)
        for place in self._places():
            self._by_namespace[place[0].namespace].append(place)
        self._apart = [place for place in self._places() if place[0].apart]
        self._volumes: Mapping[tuple[str, str], Terms] = seen.volumes or {}
        self._open: dict[int, tuple[NodeSeen, ...]] = {}
        self._crowds: dict[int, Counter[Hashable]] = {}
        self._domains: dict[int, tuple[Mapping[str, int], ...]] = {}

    def _places(self) -> Iterator[Place]:
        return ((pod.wants, self.nodes[name]) for name, pods in self.pods.items() for pod in pods)

    @property
    def has_unsociable(self) -> bool:
        """Whether any Pod keeps others away (anti-affinity)."""
        return bool(self._apart)

    def shut(self, wants: Wants, node: NodeSeen) -> str | None:
        """Why this node takes no such Pod, whatever else is on it; the scheduler's words."""
        if node.unschedulable and untolerated((CORDON,), wants.tolerations):
            return UNSCHEDULABLE
        if taint := untolerated(node.taints, wants.tolerations):
            return f"node(s) had untolerated taint {taint}"
        return None if self._lets(wants, node) else AFFINITY

    def _lets(self, wants: Wants, node: NodeSeen) -> bool:
        chosen = all(demand.met(node.labels) for demand in wants.node_labels)
        return chosen and let(wants.node_terms, node.name, node.labels)

    def holds_its_volumes(self, wants: Wants, node: NodeSeen) -> bool:
        return all(let(self._volumes.get((wants.namespace, claim)), node.name, node.labels) for claim in wants.claims)

    def open_to(self, wants: Wants) -> tuple[NodeSeen, ...]:
        """The nodes that are not shut to it, and have its volumes: those with most room first."""
        if id(wants) not in self._open:
            fit = (n for n in self.nodes.values() if self.shut(wants, n) is None and self.holds_its_volumes(wants, n))
            self._open[id(wants)] = tuple(sorted(fit, key=lambda node: -self.free[node.name].get("cpu", 0)))
        return self._open[id(wants)]

    def crowd(self, wants: Wants) -> Counter[Hashable]:
        """How many Pods there are that it minds, by what it minds them for, and where."""
        if id(wants) not in self._crowds:
            there = self._apart if not _minds(wants) else self._neighbours(wants)
            self._crowds[id(wants)] = Counter(key for place in there for key in minded(wants, place, self))
        return self._crowds[id(wants)]

    def _neighbours(self, wants: Wants) -> Iterable[Place]:
        """Whoever may matter; all, where namespaces do not limit it."""
        names: set[str] = {wants.namespace}
        for term in (*wants.near, *wants.apart):
            if term.namespaces is None:
                return self._places()
            names |= term.namespaces
        here = (place for name in names for place in self._by_namespace.get(name, ()))
        return (*here, *(place for place in self._apart if place[0].namespace not in names))

    def domains(self, wants: Wants) -> tuple[Mapping[str, int], ...]:
        """Of each spread constraint: the values of its label, and how many nodes with it count."""
        if id(wants) not in self._domains:
            self._domains[id(wants)] = tuple(
                Counter(node.labels[one.topology] for node in self.nodes.values() if self.counts_for(wants, one, node))
                for one in wants.spreads
            )
        return self._domains[id(wants)]

    def counts_for(self, wants: Wants, spread: Spread, node: NodeSeen) -> bool:
        """Whether what is on a node is part of what is spread."""
        if not all(one.topology in node.labels for one in wants.spreads):
            return False
        if spread.honors_affinity and not self._lets(wants, node):
            return False
        return not (spread.honors_taints and untolerated(_taints(node), wants.tolerations))


def _taints(node: NodeSeen) -> tuple[Taint, ...]:
    return (*node.taints, CORDON) if node.unschedulable else node.taints


def _minds(wants: Wants) -> bool:
    return bool(wants.spreads or wants.near or wants.apart)


def minded(wants: Wants, other: Place, population: Population) -> Iterator[Hashable]:
    """For what, and where, a Pod is minded by one that wants this; mostly for nothing."""
    them, node = other
    for number, spread in enumerate(wants.spreads):
        same = them.namespace == wants.namespace and spread.selector.matches(them.by_name)
        if same and population.counts_for(wants, spread, node):
            yield "spread", number, node.labels[spread.topology]
    if wants.near and all(term.meets(them) for term in wants.near):
        yield from (("near", number, node.labels.get(one.topology)) for number, one in enumerate(wants.near))
    for term in wants.apart:
        if term.topology in node.labels and term.meets(them):
            yield "apart", term.topology, node.labels[term.topology]
    for term in them.apart:
        if term.topology in node.labels and term.meets(wants):
            yield "kept apart", term.topology, node.labels[term.topology]


def _free(node: NodeSeen, pods: Iterable[PodSeen]) -> dict[str, int]:
    free = dict(node.allocatable)
    for pod in pods:
        for name, amount in pod.wants.requests:
            free[name] = free.get(name, 0) - amount
    return free
