"""How carefully a run goes about its work: read fresh from the inventory at every look, and never kept with the plan.

So the remedy that a message names works from the next look on, and a run can be slowed down while it is under way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from kubeadm_upgrade.approval.policy import NOBODY_IS_ASKED, ApprovalPolicy
from kubeadm_upgrade.approval.terms import Care
from kubeadm_upgrade.drain.policy import DrainPolicy
from kubeadm_upgrade.rollout.care import rollout_care
from kubeadm_upgrade.rollout.strategy import ALL_ALIKE, Strategy, counted
from kubeadm_upgrade.windows.calendar import ALWAYS, Calendar

# A backup that is older than this is taken again before the control plane moves, and preflight's judgement with it.
FRESH = timedelta(hours=1)


@dataclass(frozen=True)
class RolloutPolicy:
    """What the cluster's file says now."""

    max_unavailable: int | str = 1
    drain: DrainPolicy = DrainPolicy()
    # flags that only manifests of the control plane say, and that an upgrade may leave out: name -> why
    drop_flags: Mapping[str, str] = field(default_factory=dict)
    calendar: Calendar = ALWAYS
    approval: ApprovalPolicy = NOBODY_IS_ASKED
    strategy: Strategy = ALL_ALIKE

    @property
    def care(self) -> Care:
        """What of it belongs to what is approved."""
        return Care(
            max_unavailable=self.max_unavailable,
            allows=self.drain.allows,
            quarantines=self.drain.quarantines,
            drop_flags=tuple(sorted(self.drop_flags)),
            rollout=rollout_care(self.strategy),
        )

    def workers_at_once(self, workers: int) -> int:
        """At least one."""
        return max(1, counted(self.max_unavailable, workers))
