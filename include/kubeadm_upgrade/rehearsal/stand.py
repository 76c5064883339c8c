"""Where Pods could go while some nodes are out of service: the scheduler's filters, in its order and its words.

https://kubernetes.io/docs/reference/scheduling/config/#scheduling-plugins
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence

from kubeadm_upgrade.rehearsal.population import UNSCHEDULABLE, VOLUME, Population
from kubeadm_upgrade.rehearsal.seen import NodeSeen, PodSeen
from kubeadm_upgrade.rehearsal.taints import CORDON, untolerated
from kubeadm_upgrade.rehearsal.wants import Port, Wants

PORTS = "node(s) didn't have free ports for the requested pod ports"
SPREAD = "node(s) didn't match pod topology spread constraints"
NEAR = "node(s) didn't match pod affinity rules"
APART = "node(s) didn't match pod anti-affinity rules"
KEPT_APART = "node(s) didn't satisfy existing pods anti-affinity rules"


class Stand:
    """A cluster with some nodes out and these Pods gone from them; what is placed takes room from then on."""

    def __init__(self, population: Population, out: Collection[str], gone: Iterable[PodSeen]) -> None:
        self.population = population
        self.out = frozenset(out)
        self._moved: dict[int, list[tuple[NodeSeen, int]]] = {}
        self._unsociable = population.unsociable.copy()
        self._free: dict[str, dict[str, int]] = {}
        self._ports: dict[str, list[Port]] = {}
        self._first: dict[int, int] = {}
        self._crowds: dict[int, Counter[Hashable]] = {}
        for pod in gone:
            self._give_back(pod.wants, population.nodes[pod.node])

    def place(self, wants: Wants) -> bool:
        """First fit. The first nodes that had no room for one like it are not asked for the next."""
        nodes, first = self.population.open_to(wants), self._first.get(id(wants), 0)
        spread_out = [self._least(wants, number) for number in range(len(wants.spreads))]
        for at in range(first, len(nodes)):
            if not self._takes(wants, nodes[at]):
                first += at == first
            elif not any(self._by_neighbours(wants, nodes[at], spread_out)):
                self._first[id(wants)] = first
                self._take(wants, nodes[at])
                return True
        self._first[id(wants)] = first
        return False

    def why_not(self, wants: Wants) -> str:
        """As kube-scheduler tells it of a Pod that it cannot place."""
        counted: Counter[str] = Counter()
        spread_out = [self._least(wants, number) for number in range(len(wants.spreads))]
        for node in self.population.nodes.values():
            counted.update(self._reasons(wants, node, spread_out))
        told = sorted(f"{number} {reason}" for reason, number in counted.items())
        return f"0/{len(self.population.nodes)} nodes are available: {', '.join(told)}"

    def rules_out(self, wants: Wants) -> bool:
        """Whether no node could take it, whichever other Pods are placed, and whoever it may push aside."""
        return all(self._is_ruled_out(wants, node) for node in self.population.open_to(wants))

    def _is_ruled_out(self, wants: Wants, node: NodeSeen) -> bool:
        if self._shut(wants, node):
            return True
        weaker = [
            pod for pod in self.population.pods[node.name] if wants.preempts and pod.wants.priority < wants.priority
        ]
        free = self._left_on(node.name)
        pushed: Counter[str] = Counter()
        for pod in weaker:
            pushed.update(dict(pod.wants.requests))
        if any(amount > free.get(name, 0) + pushed[name] for name, amount in wants.requests if amount):
            return True
        return not weaker and (self._has_no_ports(wants, node) or any(self._kept_apart(wants, node)))

    def _reasons(self, wants: Wants, node: NodeSeen, spread_out: Sequence[int]) -> tuple[str, ...]:
        """Of the first filter that says no; mostly one."""
        if shut := self._shut(wants, node):
            return (shut,)
        if self._has_no_ports(wants, node):
            return (PORTS,)
        if lacking := tuple(self._lacks(wants, node)):
            return lacking
        if not self.population.holds_its_volumes(wants, node):
            return (VOLUME,)
        return tuple(self._by_neighbours(wants, node, spread_out))[:1]

    def _shut(self, wants: Wants, node: NodeSeen) -> str | None:
        if node.name in self.out and untolerated((CORDON,), wants.tolerations):
            return UNSCHEDULABLE
        return self.population.shut(wants, node)

    def _takes(self, wants: Wants, node: NodeSeen) -> bool:
        """Of a node that is open to it otherwise."""
        if node.name in self.out and untolerated((CORDON,), wants.tolerations):
            return False
        return self._has_room(wants, node)

    def _has_room(self, wants: Wants, node: NodeSeen) -> bool:
        free = self._left_on(node.name)
        for name, amount in wants.requests:
            if amount and amount > free.get(name, 0):
                return False
        return not self._has_no_ports(wants, node)

    def _lacks(self, wants: Wants, node: NodeSeen) -> Iterator[str]:
        free = self._left_on(node.name)
        for name, amount in wants.requests:
            if amount and amount > free.get(name, 0):
                yield "Too many pods" if name == "pods" else f"Insufficient {name}"

    def _has_no_ports(self, wants: Wants, node: NodeSeen) -> bool:
        return bool(wants.ports) and any(
            _clash(one, taken) for one in wants.ports for taken in self._ports_on(node.name)
        )

    def _by_neighbours(self, wants: Wants, node: NodeSeen, spread_out: Sequence[int]) -> Iterator[str]:
        yield from self._spreads(wants, node, spread_out)
        yield from self._near(wants, node)
        yield from self._kept_apart(wants, node)

    def _spreads(self, wants: Wants, node: NodeSeen, spread_out: Sequence[int]) -> Iterator[str]:
        for number, (spread, least) in enumerate(zip(wants.spreads, spread_out, strict=True)):
            if spread.topology not in node.labels:
                yield f"{SPREAD} (missing required label)"
                continue
            itself = spread.selector.matches(wants.by_name)
            there = self._crowd(wants)["spread", number, node.labels[spread.topology]]
            if there + itself - least > spread.most:
                yield SPREAD

    def _least(self, wants: Wants, number: int) -> int:
        """In the domain with the fewest."""
        domains, crowd = self._domains(wants, number), self._crowd(wants)
        if len(domains) < wants.spreads[number].least_domains:
            return 0
        return min((crowd["spread", number, value] for value in domains), default=0)

    def _domains(self, wants: Wants, number: int) -> Collection[str]:
        spread, counted = wants.spreads[number], self.population.domains(wants)[number]
        if not self._leaves_out(wants, number):
            return counted.keys()
        gone = Counter(
            node.labels[spread.topology]
            for node in map(self.population.nodes.__getitem__, self.out)
            if self.population.counts_for(wants, spread, node)
        )
        return [value for value, nodes in counted.items() if nodes > gone[value]]

    def _leaves_out(self, wants: Wants, number: int) -> bool:
        """Whether nodes that are out count no more for it (nodeTaintsPolicy: Honor)."""
        return wants.spreads[number].honors_taints and untolerated((CORDON,), wants.tolerations) is not None

    def _near(self, wants: Wants, node: NodeSeen) -> Iterator[str]:
        if not wants.near:
            return
        crowd = self._crowd(wants)
        there = all(
            one.topology in node.labels and crowd["near", number, node.labels[one.topology]] > 0
            for number, one in enumerate(wants.near)
        )
        alone = not any(count > 0 for key, count in crowd.items() if isinstance(key, tuple) and key[0] == "near")
        first = alone and all(one.meets(wants) and one.topology in node.labels for one in wants.near)
        if not there and not first:
            yield NEAR

    def _kept_apart(self, wants: Wants, node: NodeSeen) -> Iterator[str]:
        labels = node.labels
        if wants.apart and self._meets_one(wants, labels):
            yield APART
            return
        terms = self.population.kept_from(wants)
        if any(self._unsociable[term, labels[term.topology]] > 0 for term in terms if term.topology in labels):
            yield KEPT_APART

    def _meets_one(self, wants: Wants, labels: Mapping[str, str]) -> bool:
        crowd, terms = self._crowd(wants), enumerate(wants.apart)
        return any(crowd["apart", number, labels[one.topology]] > 0 for number, one in terms if one.topology in labels)

    def _crowd(self, wants: Wants) -> Counter[Hashable]:
        """Only of those that mind others."""
        if id(wants) not in self._crowds:
            crowd = self.population.crowd(wants).copy()
            for them in self.population.minds(wants):
                for node, step in self._moved.get(id(them), ()):
                    for key in self.population.minded(wants, them, node):
                        crowd[key] += step
            self._crowds[id(wants)] = crowd
        return self._crowds[id(wants)]

    def _take(self, wants: Wants, node: NodeSeen) -> None:
        free = self._free_on(node.name)
        for name, amount in wants.requests:
            free[name] = free.get(name, 0) - amount
        self._ports_on(node.name).extend(wants.ports)
        self._move(wants, node, 1)

    def _move(self, wants: Wants, node: NodeSeen, step: int) -> None:
        self._moved.setdefault(id(wants), []).append((node, step))
        for term in wants.apart:
            self._unsociable[term, node.labels.get(term.topology)] += step
        for one in self.population.minded_by(wants):
            if (crowd := self._crowds.get(id(one))) is not None:
                for key in self.population.minded(one, wants, node):
                    crowd[key] += step

    def _give_back(self, wants: Wants, node: NodeSeen) -> None:
        free = self._free_on(node.name)
        for name, amount in wants.requests:
            free[name] = free.get(name, 0) + amount
        taken = self._ports_on(node.name)
        for port in wants.ports:
            if port in taken:
                taken.remove(port)
        self._move(wants, node, -1)

    def _left_on(self, name: str) -> Mapping[str, int]:
        return self._free.get(name) or self.population.free[name]

    def _free_on(self, name: str) -> dict[str, int]:
        if name not in self._free:
            self._free[name] = dict(self.population.free[name])
        return self._free[name]

    def _ports_on(self, name: str) -> list[Port]:
        if name not in self._ports:
            self._ports[name] = list(self.population.ports[name])
        return self._ports[name]


def _clash(one: Port, other: Port) -> bool:
    """An address that is any meets all."""
    alike = one[:2] == other[:2]
    return alike and (one[2] == other[2] or "0.0.0.0" in (one[2], other[2]))
