"""The check of maintenance windows: a run that will never be let begin had better be told so at once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time
from itertools import islice

from kubeadm_upgrade.admission.first import lanes
from kubeadm_upgrade.admission.window import hold_of
from kubeadm_upgrade.assignment import RunId
from kubeadm_upgrade.checks.scene import Scene
from kubeadm_upgrade.windows.calendar import ALWAYS
from kubeadm_upgrade.windows.hold import BEFORE


def fits_a_window(scene: Scene) -> Iterator[str]:
    """Whatever this run begins with fits into one of the cluster's maintenance windows.

    The gates would wait for as long as it takes (admission/gates.py): here it is known before.
    """
    if scene.policy.calendar == ALWAYS or scene.hop.ignore_window or scene.control_plane.unversioned:
        return  # what runs without a version is another check's
    now = scene.now or datetime.combine(scene.today, time(), UTC)
    holder = scene.ledger.holder
    run = holder.run if holder else RunId("")
    for lane in lanes(scene.hop, run, scene.policy, scene.nodes, scene.control_plane, scene.ledger):
        held = (hold_of(node, lane, scene.hop, scene.policy, scene.ledger, now) for node in lane.left)
        never = (one.sentence.removeprefix(BEFORE) for one in held if one is not None and one.until is None)
        yield from (f"maintenance windows: {sentence}" for sentence in islice(never, 1))
