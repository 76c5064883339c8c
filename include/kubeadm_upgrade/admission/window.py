"""What a node of a lane wants to begin, and whether the cluster's windows let it (invariant I2)."""

from __future__ import annotations

from datetime import datetime

from kubeadm_upgrade.admission.lane import Lane
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.ledger.ledger import Ledger
from kubeadm_upgrade.policy import RolloutPolicy
from kubeadm_upgrade.windows.calendar import Work
from kubeadm_upgrade.windows.hold import Hold, Job, hold
from kubeadm_upgrade.windows.need import STEPS_OF, need
from kubeadm_upgrade.wording import count


def hold_of(node: str, lane: Lane, hop: Hop, policy: RolloutPolicy, ledger: Ledger, now: datetime) -> Hold | None:
    """What keeps the node from being begun with now; None where a window is open for long enough."""
    if hop.ignore_window or node not in lane.members:
        return None
    return hold(policy.calendar, now, job_of(node, lane, ledger))


def job_of(node: str, lane: Lane, ledger: Ledger) -> Job:
    """One node; but whoever is first of a hop begins with the whole control plane, whose versions are not to differ."""
    one = need(ledger.durations, STEPS_OF[lane.group])
    is_first = lane.group == "control_plane" and not lane.begun
    nodes = (lane.left if is_first else ()) or (node,)
    work = Work(any(lane.members[name].changes_minor for name in nodes), drains=lane.group != "control_plane")
    who = f"{node} takes" if len(nodes) == 1 else f"{count(len(nodes), 'control plane node')} take"
    return Job(one * len(nodes), work, who)
