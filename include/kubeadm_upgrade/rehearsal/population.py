"""Nodes with what is on them: what each has left, and which of them some Pod may go to at all."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping

from kubeadm_upgrade.rehearsal.node_terms import Terms, let
from kubeadm_upgrade.rehearsal.seen import NodeSeen, PodSeen, Seen
from kubeadm_upgrade.rehearsal.taints import CORDON, Taint, untolerated
from kubeadm_upgrade.rehearsal.wants import Neighbours, Spread, Wants

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
        self._alike: dict[int, tuple[Wants, list[NodeSeen]]] = {}  # who wants the same, and where each is
        for wants, node in self._places():
            self._alike.setdefault(id(wants), (wants, []))[1].append(node)
        apart = [(term, node) for wants, node in self._places() for term in wants.apart]
        self._all_terms = tuple(dict.fromkeys(term for term, _ in apart))
        self.unsociable = Counter((term, node.labels.get(term.topology)) for term, node in apart)
        self._volumes: Mapping[tuple[str, str], Terms] = seen.volumes or {}
        self._open: dict[int, tuple[NodeSeen, ...]] = {}
        self._crowds: dict[int, Counter[Hashable]] = {}
        self._relations: dict[int, dict[int, tuple[Wants, tuple[tuple[str, int, str], ...]]]] = {}
        self._minded_by: dict[int, list[Wants]] = {}
        self._terms: dict[int, tuple[Neighbours, ...]] = {}
        self._domains: dict[int, tuple[Mapping[str, int], ...]] = {}

    def _places(self) -> Iterator[Place]:
        return ((pod.wants, self.nodes[name]) for name, pods in self.pods.items() for pod in pods)

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
            there = ((them, node) for them in self.minds(wants) for node in self._alike[id(them)][1])
            self._crowds[id(wants)] = Counter(key for place in there for key in self.minded(wants, *place))
        return self._crowds[id(wants)]

    def minds(self, wants: Wants) -> Collection[Wants]:
        """The Pods that matter to one that wants this, one of each kind: mostly its own kind, or none."""
        if id(wants) not in self._relations:
            all_kinds = (them for them, _ in self._alike.values())
            found = {id(them): (them, tuple(_relation(wants, them))) for them in all_kinds}
            self._relations[id(wants)] = {key: one for key, one in found.items() if one[1]}
            for key in self._relations[id(wants)]:
                self._minded_by.setdefault(key, []).append(wants)
        return [them for them, _ in self._relations[id(wants)].values()]

    def minded_by(self, them: Wants) -> Collection[Wants]:
        """Of those that were asked whom they mind."""
        return self._minded_by.get(id(them), ())

    def minded(self, wants: Wants, them: Wants, node: NodeSeen) -> Iterator[Hashable]:
        """For what, and where, a Pod is minded by one that wants this; mostly for nothing."""
        _, relation = self._relations[id(wants)].get(id(them), (them, ()))
        for what, number, topology in relation:
            if what != "spread" or self.counts_for(wants, wants.spreads[number], node):
                yield what, number, node.labels.get(topology)

    def kept_from(self, wants: Wants) -> tuple[Neighbours, ...]:
        """The terms by which Pods that are there keep one like it away from them."""
        if id(wants) not in self._terms:
            self._terms[id(wants)] = tuple(term for term in self._all_terms if term.meets(wants))
        return self._terms[id(wants)]

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


def _relation(wants: Wants, them: Wants) -> Iterator[tuple[str, int, str]]:
    for number, spread in enumerate(wants.spreads):
        if them.namespace == wants.namespace and spread.selector.matches(them.by_name):
            yield "spread", number, spread.topology
    if wants.near and all(term.meets(them) for term in wants.near):
        yield from (("near", number, one.topology) for number, one in enumerate(wants.near))
    for number, term in enumerate(wants.apart):
        if term.meets(them):
            yield "apart", number, term.topology


def _free(node: NodeSeen, pods: Iterable[PodSeen]) -> dict[str, int]:
    free = dict(node.allocatable)
    for pod in pods:
        for name, amount in pod.wants.requests:
            free[name] = free.get(name, 0) - amount
    return free
