"""Which injections there are: every component at every moment, but where there can be none."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from chaos.components import COMPONENTS, Component
from chaos.moments import MOMENTS, NOT_THERE, NOTHING_TO_DO, Moment, Where
from lab import ClusterSpec


@dataclass(frozen=True)
class Cell:
    """One place of the table: what is struck when, or why that cannot be."""

    component: Component
    moment: Moment
    reason: str | None


@dataclass(frozen=True)
class Point:
    """One injection: a component, at a moment of a node."""

    component: str
    moment: Moment
    node: str

    def __str__(self) -> str:
        return f"{self.component} {self.moment} on {self.node}: {self.moment.shows}"


def table() -> tuple[Cell, ...]:
    return tuple(Cell(one, moment, one.refuses(moment)) for moment in MOMENTS for one in COMPONENTS)


def missing_moments() -> Iterator[tuple[str, str]]:
    """Steps in words that have no moment of a kind, with the reason."""
    for (group, step), reason in NOT_THERE.items():
        yield f"{Where.WITHIN} {group}.{step}", reason
    for (group, step), reason in NOTHING_TO_DO.items():
        yield f"{group}.{step}", reason


def cordoned_in(spec: ClusterSpec) -> str:
    """The node that a person has cordoned before: the last of a control plane of several, else the last worker."""
    several = len(spec.control_plane_nodes) > 1
    return (spec.control_plane_nodes if several else spec.worker_nodes)[-1]


def points_of(component: Component, spec: ClusterSpec, seed: str) -> tuple[Point, ...]:
    """Those of one story, each on a node of its own choice; the seed is what chooses."""
    dice = random.Random(f"{seed} {component.name}")
    boots = dice.choice(_nodes(component.boots_in, spec)) if component.boots_in else ""
    return tuple(
        Point(component.name, moment, dice.choice(_choice(component, moment, spec, boots)))
        for moment in MOMENTS
        if component.refuses(moment) is None
    )


def _choice(component: Component, moment: Moment, spec: ClusterSpec, boots: str) -> tuple[str, ...]:
    """A machine that boots with the new kubelet needs neither what comes before a restart nor the restart: each of the
    moments at which it would is played on a machine of its own, and what a restart shows on the one that is left.
    """
    if moment.group == "run" or moment.first_only:
        return spec.control_plane_nodes[:1]
    nodes = _nodes(moment.group, spec)
    if moment.group != component.boots_in:
        return nodes
    match moment.step, moment.where:
        case "upgrade_kubelet_and_kubectl", Where.AFTER:
            return (boots,)
        case "restart_kubelet", Where.WITHIN:
            return tuple(name for name in nodes if name != boots)
        case "restart_kubelet" | "node_ready" | "static_pods_ready", _:
            return (cordoned_in(spec),)
    return nodes


def _nodes(group: str, spec: ClusterSpec) -> tuple[str, ...]:
    """One that a person has cordoned stays so, and shows no uncordon: it is not chosen."""
    nodes = {"stage": spec.nodes, "workers": spec.worker_nodes}.get(group, spec.control_plane_nodes)
    return tuple(name for name in nodes if name != cordoned_in(spec))
