"""Steps over a world, as operator and trigger take them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from in_memory.examples import NEW, facts_of
from in_memory.world import World
from kubeadm_upgrade.engine import Port, perform, rehearse
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.procedure import CONTROL_PLANE_NODE, GROUPS, WORKER_NODE
from kubeadm_upgrade.steps import Outcome, Progress, Step

NODES = ["cp1", "cp2", "w1"]
PATIENCE = 300


def groups_of(hop: Hop, node: str) -> tuple[str, ...]:
    return CONTROL_PLANE_NODE if node in hop.control_plane else WORKER_NODE


def steps_of(hop: Hop, node: str) -> list[Step]:
    return [step for group in groups_of(hop, node) for step in GROUPS[group]]


def turns(hop: Hop, world: World) -> Iterator[Step]:
    """Every step of this node, each when it is its group's turn."""
    for group in groups_of(hop, world.facts.node.name):
        world.enter(group)
        yield from GROUPS[group]


def rehearsed(hop: Hop, world: World) -> Iterator[Outcome]:
    """Every step's rehearsal, from what is so now: after those before it, and in the lane of its own group."""
    before: list[Step] = []
    for group in groups_of(hop, world.facts.node.name):
        for step in GROUPS[group]:
            before.append(step)
            *_, outcome = rehearse(before, replace(world.everything(), lane=world.lane(group)), hop)
            yield outcome


def begin(hop: Hop, node: str, slow: int = 0) -> World:
    """A world in which it is this node's turn: the first control plane node has applied before the second."""
    facts = facts_of(hop, node)
    if node != hop.control_plane[0]:
        facts = replace(facts, control_plane=replace(facts.control_plane, cluster_version=NEW))
    return World(facts, hop, slow)


async def persevere(step: Step, hop: Hop, port: Port) -> Outcome:
    """Perform until an outcome."""
    progress = Progress()
    for _ in range(PATIENCE):
        result = await perform(step, hop, port, progress)
        if isinstance(result, Outcome):
            return result
        progress = result.progress
    raise AssertionError(f"{step.name} is still {result}")


async def upgrade(hop: Hop, world: World) -> list[Outcome]:
    return [await persevere(step, hop, world) for step in turns(hop, world)]
