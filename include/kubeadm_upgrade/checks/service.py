"""Checks of the slots that a run finds: whoever is out of service already, and is not among its workers, takes one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kubeadm_upgrade.admission.lane import Lane
from kubeadm_upgrade.admission.members import lane_of
from kubeadm_upgrade.assignment import RunId
from kubeadm_upgrade.checks.scene import Scene
from kubeadm_upgrade.wording import agreeing, count

_WAYS_OUT = "Mend it, name it in the parameter give_up, raise max_unavailable in the cluster's file, or delete its Node"


def slots_left(scene: Scene) -> Iterator[str]:
    """Nodes that this run does not come to leave it a slot; else the control plane would move, and no worker after it.

    The gates of admission wait for as long as it takes (admission/gates.py): here it is known before.
    """
    lane = _lane(scene)
    out = _out_of_service(scene, lane)
    if len(out) >= lane.limit and _waits(lane):
        yield (
            f"{count(lane.limit, 'worker node')} may be out of service at a time, and {_named(out)}: no worker of this "
            f"run would ever be taken. {_WAYS_OUT}"
        )


def out_of_service(scene: Scene) -> Iterator[str]:
    """Every worker that this run does not come to is in service."""
    lane = _lane(scene)
    out = _out_of_service(scene, lane)
    left = lane.limit - len(out)
    limit = count(lane.limit, "worker")
    counts = agreeing(out, "counts", "count")
    if out and left > 0:
        remain = f"{left} {'is' if left == 1 else 'are'} left"
        yield f"{_named(out)} and {counts} as out of service: of {limit} at a time, {remain} to this run"
    elif out and not _waits(lane):
        yield (
            f"{_named(out)} and {counts} as out of service: of {limit} at a time, none is left to a run that moves "
            f"workers. {_WAYS_OUT}"
        )


def _lane(scene: Scene) -> Lane:
    """As this run's workers will see it."""
    holder = scene.ledger.holder
    run = holder.run if holder else RunId("")
    return lane_of("workers", scene.hop, run, scene.policy, scene.nodes, scene.control_plane, scene.ledger)


def _out_of_service(scene: Scene, lane: Lane) -> Mapping[str, str]:
    """Node -> why, of those that this run has nothing to do with."""
    others = {name: member for name, member in lane.members.items() if name not in scene.hop.workers}
    held = dict.fromkeys(lane.counted & others.keys(), "holds a slot of an earlier run")
    return held | {name: why for name, member in others.items() if (why := member.why_unavailable)}


def _waits(lane: Lane) -> bool:
    """Whether a worker of this run needs a slot that it does not have yet."""
    return any(name in lane.members and name not in lane.left_out and not lane.is_finished(name) for name in lane.order)


def _named(out: Mapping[str, str]) -> str:
    return ", ".join(f"{name}, which this run does not come to, {why}" for name, why in sorted(out.items())[:5])
