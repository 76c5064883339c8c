"""The workers of a path in the order of the rollout's groups: the same work as without, told group by group."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from kubeadm_upgrade.planning.path import Group, Path
from kubeadm_upgrade.rollout.placement import Placed


def in_groups(path: Path, groups: Sequence[Placed]) -> Path:
    """As it was where all workers are one group."""
    if len(groups) < 2:
        return path
    hops = tuple(replace(hop, moving=tuple(_split(hop.moving, groups))) for hop in path.hops)
    return replace(path, hops=hops)


def _split(moving: Sequence[Group], groups: Sequence[Placed]) -> Iterator[Group]:
    for group in groups:
        for alike in moving:
            if nodes := tuple(name for name in alike.nodes if name in group.nodes):
                yield replace(alike, nodes=nodes, group=group.name)
