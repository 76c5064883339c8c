"""Whether what leaves nodes would find a place on the others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence

from kubeadm_upgrade.rehearsal.cast import Cast, Leaving
from kubeadm_upgrade.rehearsal.finding import Foreseen, Kind
from kubeadm_upgrade.rehearsal.population import Population
from kubeadm_upgrade.rehearsal.quantity import added
from kubeadm_upgrade.rehearsal.seen import Seen
from kubeadm_upgrade.rehearsal.stand import Stand
from kubeadm_upgrade.wording import agreeing, count, shortened

_MAKE_ROOM = "make room, or what keeps it from other nodes less strict"


class Rooms:
    """Looks at nodes that are out, one set after the other. What one set has no room for is told once."""

    def __init__(self, seen: Seen, cast: Cast) -> None:
        self._population = Population(seen)
        self._cast = cast
        self._told: set[int] = set()

    def of_one(self, node: str) -> Iterator[Foreseen]:
        """Of a node by itself: told for each node, whatever was told of others."""
        yield from self._lacking((node,), frozenset())

    def of_several(self, nodes: tuple[str, ...]) -> Iterator[Foreseen]:
        yield from self._lacking(nodes, frozenset(self._told))

    def _lacking(self, nodes: tuple[str, ...], known: Collection[int]) -> Iterator[Foreseen]:
        leaving = [one for name in nodes for one in self._cast.get(name, ()) if one.pod.counts and not one.is_refused]
        stand = Stand(self._population, nodes, (one.pod for one in leaving))
        homeless: dict[int, list[Leaving]] = defaultdict(list)
        for one in _without_a_place(stand, _largest_first(leaving, self._population)):
            homeless[id(one.pod.wants)].append(one)
        self._told |= homeless.keys()
        for key, alike in homeless.items():
            if key not in known:
                yield self._told_of(alike, nodes, leaving, stand)

    def _told_of(
        self, alike: Sequence[Leaving], nodes: tuple[str, ...], leaving: Sequence[Leaving], full: Stand
    ) -> Foreseen:
        """Of Pods that want the same. `full`: with all others that have found a place."""
        wants, names = alike[0].pod.wants, [one.name for one in alike]
        pods = f"{agreeing(names, 'pod', 'pods')} {shortened(names, 3)}"
        alone = Stand(self._population, nodes, (one.pod for one in leaving))
        why = alone.why_not(wants)
        if alone.rules_out(wants):
            return Foreseen(Kind.NO_ROOM, nodes, f"{pods} would find no place: {why}", _MAKE_ROOM)
        if not alone.place(wants):
            return Foreseen(Kind.LITTLE_ROOM, nodes, f"{pods} may find no place: {why}", _MAKE_ROOM)
        says = f"{pods} may find no place once others have theirs: {full.why_not(wants)}"
        return Foreseen(Kind.LITTLE_ROOM, nodes, says, _MAKE_ROOM)


def _without_a_place(stand: Stand, leaving: Sequence[Leaving]) -> Sequence[Leaving]:
    """Whoever found none is tried again as long as others do: it may have waited for whom it wants to be with."""
    left = [one for one in leaving if not stand.place(one.pod.wants)]
    while left:
        still = [one for one in left if not (_waits_for_others(one) and stand.place(one.pod.wants))]
        if len(still) == len(left):
            break
        left = still
    return left


def _waits_for_others(one: Leaving) -> bool:
    return bool(one.pod.wants.near or one.pod.wants.spreads)


def _largest_first(leaving: Iterable[Leaving], population: Population) -> list[Leaving]:
    """Whoever goes before others anyway, then those that are hardest to place."""
    total = added(node.allocatable for node in population.nodes.values())

    def hardest_first(one: Leaving) -> tuple[int, float]:
        shares = (amount / total[name] for name, amount in one.pod.wants.requests if total.get(name))
        return -one.pod.wants.priority, -max(shares, default=0.0)

    return sorted((one for one in leaving if one.needs_a_place and not _is_anothers(one)), key=hardest_first)


def _is_anothers(one: Leaving) -> bool:
    """Whether another scheduler places it, by rules of its own."""
    return one.pod.wants.unjudged.startswith("is placed by ")


def not_judged(cast: Cast, seen: Seen) -> Iterator[str]:
    """What of Pods' wishes nobody here understands."""
    alike: dict[str, list[str]] = defaultdict(list)
    for one in (one for there in cast.values() for one in there if one.needs_a_place):
        if one.pod.wants.unjudged:
            alike[one.pod.wants.unjudged].append(one.name)
        if one.pod.wants.claims and seen.volumes is None:
            alike["has volumes, and where they can be used was not looked at"].append(one.name)
    for why, names in alike.items():
        yield f"whether there is room for {count(len(names), 'Pod')} ({shortened(names, 3)}): {why}"
