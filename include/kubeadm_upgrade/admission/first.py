"""With which node a hop goes on, and whether the cluster's windows let it: for whoever asks for the whole run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from kubeadm_upgrade.admission.lane import Lane
from kubeadm_upgrade.admission.members import lane_of
from kubeadm_upgrade.admission.window import hold_of
from kubeadm_upgrade.assignment import RunId
from kubeadm_upgrade.control_plane import ControlPlaneFacts
from kubeadm_upgrade.facts import NodeFacts
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.ledger.ledger import Ledger
from kubeadm_upgrade.next_hop import goes_on
from kubeadm_upgrade.policy import RolloutPolicy
from kubeadm_upgrade.windows.calendar import WhenOver
from kubeadm_upgrade.windows.hold import Hold
from kubeadm_upgrade.windows.need import STEPS_OF


def lanes(
    hop: Hop,
    run: RunId,
    policy: RolloutPolicy,
    nodes: Sequence[NodeFacts],
    control_plane: ControlPlaneFacts,
    ledger: Ledger,
) -> Iterator[Lane]:
    """Of every task group that waits for windows, in the order of a run."""
    return (lane_of(group, hop, run, policy, nodes, control_plane, ledger) for group in STEPS_OF)


def first_hold(
    hop: Hop,
    run: RunId,
    policy: RolloutPolicy,
    nodes: Sequence[NodeFacts],
    control_plane: ControlPlaneFacts,
    ledger: Ledger,
    now: datetime,
) -> Hold | None:
    """What keeps this run from going on with its next node; None where nothing does, or nothing is left to do.

    A path that is to stop with its window waits for its first one all the same. What goes on with it does not: that
    has had its window, and where nothing more fits, each node says for itself that it is left (admission/admit.py).
    """
    if policy.calendar.when_over is WhenOver.STOP and goes_on(run.dag_run):
        return None
    lane = next((one for one in lanes(hop, run, policy, nodes, control_plane, ledger) if one.left), None)
    return hold_of(lane.left[0], lane, hop, policy, ledger, now) if lane else None
