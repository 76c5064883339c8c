"""Nodes that are to be drained in their turn, and which of them may be out of service at the same time."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from kubeadm_upgrade.facts import NodeFacts
from kubeadm_upgrade.policy import RolloutPolicy
from kubeadm_upgrade.rollout.placement import Placed, placed, sorted_by_group

_MOST = 200  # nodes of all sets that are looked at; of a long line they begin further apart


@dataclass(frozen=True)
class Line:
    """Nodes that are drained, in their turn. Control plane nodes go one at a time, whatever workers do."""

    workers: tuple[str, ...] = ()
    control_plane: tuple[str, ...] = ()
    at_once: int = 1
    groups: tuple[Placed, ...] = ()

    @property
    def nodes(self) -> tuple[str, ...]:
        return (*self.workers, *self.control_plane)


def line_of(nodes: Iterable[NodeFacts], policy: RolloutPolicy, order: Collection[str] | None = None) -> Line:
    """Of the nodes that are to be drained, in this order; None: all of them, as a run would take them."""
    there = {node.name: node for node in nodes}
    labels = {name: node.labels for name, node in there.items() if not node.control_plane}
    groups = placed(policy.strategy, labels)
    if order is None:
        order = (*sorted_by_group(sorted(labels), groups), *sorted(there.keys() - labels.keys()))
    return Line(
        workers=tuple(name for name in order if name in labels),
        control_plane=tuple(name for name in order if name in there and name not in labels),
        at_once=policy.workers_at_once(len(labels)),
        groups=groups,
    )


def together(line: Line) -> tuple[tuple[str, ...], ...]:
    """As many neighbours in the line as may be out at once, in one group of the rollout: every place it may come to.

    Slots and no batches: whoever is done makes room for the next one, so any neighbours may meet.
    """
    sets = list(_sets(line))
    step = -(-sum(map(len, sets)) // _MOST) if sets else 1
    return tuple(sets[::step])


def _sets(line: Line) -> Iterator[tuple[str, ...]]:
    for names, limit in _groups(line):
        size = min(limit, len(names))
        if size > 1:
            yield from (names[at : at + size] for at in range(len(names) - size + 1))


def _groups(line: Line) -> Iterator[tuple[tuple[str, ...], int]]:
    left = dict.fromkeys(line.workers)
    for group in line.groups:
        names = tuple(name for name in line.workers if name in group.nodes)
        for name in names:
            left.pop(name, None)
        yield names, line.at_once if group.limit is None else min(group.limit, line.at_once)
    yield tuple(left), line.at_once
