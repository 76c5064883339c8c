"""A rehearsal as a whole: every drain by itself, then the sets of nodes that may be out of service together."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from kubeadm_upgrade.rehearsal.cast import Cast, Leaving
from kubeadm_upgrade.rehearsal.evictions import not_answered, not_evicted, refused
from kubeadm_upgrade.rehearsal.finding import HEADS, Foreseen, Kind, Rehearsal
from kubeadm_upgrade.rehearsal.line import Line, together
from kubeadm_upgrade.rehearsal.room import Rooms, not_judged
from kubeadm_upgrade.rehearsal.seen import Seen
from kubeadm_upgrade.wording import count, shortened

_RANK = {kind: number for number, kind in enumerate(HEADS)}


def to_ask_about(cast: Cast, line: Line, most: int) -> tuple[Leaving, ...]:
    """Whose eviction to try: as many as that, those first that a budget is over, then in the nodes' turn."""
    there = [one for name in line.nodes for one in cast.get(name, ()) if one.is_to_be_evicted]
    return tuple(sorted(there, key=lambda one: not one.budgets)[:most])


def rehearse(seen: Seen, everybody: Cast, line: Line) -> Rehearsal:
    """What the drains of these nodes would meet, the worst first and otherwise in their turn."""
    cast = {name: everybody.get(name, ()) for name in line.nodes}
    found = list(_found(seen, cast, line))
    evictions = [one for there in cast.values() for one in there if one.is_to_be_evicted]
    return Rehearsal(
        nodes=line.nodes,
        found=tuple(sorted(found, key=lambda one: _RANK[one.kind])),
        unknown=(*seen.unknown, *not_answered(cast, seen)),
        unjudged=tuple(not_judged(cast, seen)),
        evictions=len(evictions),
        asked=sum(one.uid in seen.answers for one in evictions),
    )


def _found(seen: Seen, cast: Cast, line: Line) -> Iterator[Foreseen]:
    rooms = Rooms(seen, cast)
    for node, there in cast.items():
        yield from refused(node, there)
        yield from not_evicted(node, there, seen)
        yield from rooms.of_one(node)
    sets = together(line)
    for nodes in sets:
        yield from rooms.of_several(nodes)
    yield from _slower(sets, cast)


def _slower(sets: Iterable[tuple[str, ...]], cast: Cast) -> Iterator[Foreseen]:
    """Budgets over more Pods of a set than they allow at a time: each is told of its worst set, with others of that."""
    worst: dict[str, tuple[int, int, tuple[str, ...]]] = {}
    for nodes in sets:
        for budget, (allowed, pods, on) in _budgets_of(nodes, cast).items():
            before = worst[budget][1] if budget in worst else allowed
            if pods > before and len(on) > 1:
                worst[budget] = allowed, pods, nodes
    by_set: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for budget, (_, _, nodes) in worst.items():
        by_set[nodes].append(budget)
    for nodes, budgets in by_set.items():
        allowed, pods, _ = worst[budgets[0]]
        yield Foreseen(Kind.SLOWER, nodes, _told(budgets, allowed, pods))


def _told(budgets: Sequence[str], allowed: int, pods: int) -> str:
    if len(budgets) == 1:
        at_a_time = f"budget {budgets[0]} allows {count(allowed, 'disruption')} at a time"
        return f"{at_a_time}, and {pods} of its Pods are on them"
    return f"budgets {shortened(budgets)} allow fewer disruptions at a time than they have Pods on them"


def _budgets_of(nodes: tuple[str, ...], cast: Cast) -> dict[str, tuple[int, int, frozenset[str]]]:
    """Budgets that allow some: how many, how many of their Pods are on these nodes, and on which of them."""
    found: dict[str, tuple[int, int, frozenset[str]]] = {}
    for node in nodes:
        for one in cast.get(node, ()):
            for budget in one.budgets if one.is_to_be_evicted and one.budgets_count else ():
                if budget.allowed > 0:
                    _, pods, on = found.get(str(budget), (0, 0, frozenset[str]()))
                    found[str(budget)] = budget.allowed, pods + 1, on | {node}
    return found
