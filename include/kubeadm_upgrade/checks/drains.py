"""The check of drains that have been rehearsed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from kubeadm_upgrade.checks.scene import Scene
from kubeadm_upgrade.rehearsal.finding import Kind

_MOST = 40  # sentences; the command rehearse has all of them
# What a drain refuses, the check drain_allowed says; and to wait for each other is no trouble of any one node.
_SAID_ELSEWHERE = (Kind.REFUSED, Kind.SLOWER)


def drains_rehearsed(scene: Scene) -> Iterator[str]:
    """Whatever is drained in this run may leave its node, and finds a place on another."""
    rehearsal = scene.rehearsal
    if rehearsal is None:
        return
    told = [str(one) for one in rehearsal.found if one.kind not in _SAID_ELSEWHERE]
    yield from islice(told, _MOST)
    if (more := len(told) - _MOST) > 0:
        yield f"{more:,} more would be in the way of drains: python -m kubeadm_upgrade rehearse {scene.hop.cluster}"
    yield from rehearsal.unknown  # few: whatever kept many Pods from being judged is one
