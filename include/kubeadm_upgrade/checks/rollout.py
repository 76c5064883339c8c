"""Checks of the rollout in the cluster's file against the workers that there are."""

from __future__ import annotations

from collections.abc import Iterator

from kubeadm_upgrade.checks.scene import Scene
from kubeadm_upgrade.facts import NodeFacts
from kubeadm_upgrade.rollout.placement import placed, wanting
from kubeadm_upgrade.rollout.strategy import CANARY, REST


def one_group_each(scene: Scene) -> Iterator[str]:
    """Every worker is in one group of the rollout at most."""
    for node in _workers(scene):
        found = [name for name in wanting(scene.policy.strategy, node.name, node.labels) if name != CANARY]
        if len(found) > 1:
            yield (
                f"{node.name} is in {len(found)} groups of the rollout, {' and '.join(found)}: narrow the selector of "
                "all but one, or change its labels"
            )


def canary_known(scene: Scene) -> Iterator[str]:
    """Whoever the file names as a canary is a worker of this cluster."""
    canary, there = scene.policy.strategy.canary, {node.name for node in _workers(scene)}
    for name in canary.nodes if canary else ():
        if name not in there:
            yield f"{name} is named as a canary and is no worker of this cluster: name another, or take it out"


def groups_take_somebody(scene: Scene) -> Iterator[str]:
    """No group of the rollout is empty, and the canary moves in this hop."""
    groups = placed(scene.policy.strategy, {node.name: node.labels for node in _workers(scene)})
    for group in groups:
        if not group.nodes and group.name != REST:
            yield f"the group {group.name} of the rollout takes no worker: see its selector"
        elif group.is_canary and scene.hop.workers and not set(group.nodes) & set(scene.hop.workers):
            names = ", ".join(group.nodes)
            yield f"no canary is among the workers of this run ({names}): the next group begins at once"


def _workers(scene: Scene) -> list[NodeFacts]:
    return [node for node in scene.nodes if not node.control_plane]
