"""Whose group a worker is in, and in which order the groups come."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from kubeadm_upgrade.rollout.strategy import CANARY, REST, Group, Strategy, counted

Labels = Mapping[str, Mapping[str, str]]  # node -> its labels


@dataclass(frozen=True)
class Placed:
    """A group with the nodes that it has now."""

    name: str
    nodes: tuple[str, ...]
    limit: int | None = None  # how many of them may be out of service; None: no fewer than of all workers
    depends_on: tuple[str, ...] = ()
    soak: timedelta = timedelta()

    @property
    def is_canary(self) -> bool:
        return self.name == CANARY


def placed(strategy: Strategy, labels: Labels) -> tuple[Placed, ...]:
    """The groups in the order of a run: the canary, groups after those that they depend on, then all other workers.

    Every worker is in one of them: the canary takes its nodes first, then the file's first group that wants one.
    """
    home = {node: next(wanting(strategy, node, labels[node]), REST) for node in sorted(labels)}
    return tuple(_with_nodes(group, home) for group in in_order(strategy))


def in_order(strategy: Strategy) -> tuple[Group, ...]:
    """As the file has them, but for those that come after others: each waits for the canary, the rest for all."""
    first = (strategy.canary,) if strategy.canary else ()
    after_it = tuple(group.name for group in first)
    left, found = list(strategy.groups), list(first)
    while left:
        done = {group.name for group in found}
        group = next((one for one in left if done.issuperset(one.depends_on)), left[0])
        left.remove(group)
        found.append(replace(group, depends_on=(*after_it, *group.depends_on)))
    return (*found, Group(REST, depends_on=tuple(group.name for group in found)))


def wanting(strategy: Strategy, node: str, labels: Mapping[str, str]) -> Iterator[str]:
    """The groups that a worker belongs to by the file; of those behind the canary it is to be one at most."""
    groups = (strategy.canary, *strategy.groups)
    return (group.name for group in groups if group is not None and group.takes(node, labels))


def sorted_by_group(names: Iterable[str], groups: Iterable[Placed]) -> tuple[str, ...]:
    """In the order of their groups, and otherwise as they were."""
    rank = {name: index for index, group in enumerate(groups) for name in group.nodes}
    return tuple(sorted(names, key=lambda name: rank.get(name, len(rank))))


def _with_nodes(group: Group, home: Mapping[str, str]) -> Placed:
    nodes = tuple(node for node, name in home.items() if name == group.name)
    limit = None if group.max_unavailable is None else max(1, counted(group.max_unavailable, len(nodes)))
    return Placed(group.name, nodes, limit, group.depends_on, group.soak)
