"""How carefully a run goes about its work: read fresh from the inventory at every look, and never kept with the plan.

So the remedy that a message names works from the next look on, and a run can be slowed down while it is under way.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from kubeadm_upgrade.approval.policy import NOBODY_IS_ASKED, ApprovalPolicy
from kubeadm_upgrade.approval.terms import Care
from kubeadm_upgrade.drain.policy import DrainPolicy
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

    @property
    def care(self) -> Care:
        """What of it belongs to what is approved."""
        return Care(
            max_unavailable=self.max_unavailable,
            allows=self.drain.allows,
            quarantines=self.drain.quarantines,
            drop_flags=tuple(sorted(self.drop_flags)),
        )

    def workers_at_once(self, workers: int) -> int:
        """A count, or a percentage of the workers rounded as Kubernetes rounds maxUnavailable (down), at least one.

        https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#max-unavailable
        """
        if isinstance(self.max_unavailable, str):
            return max(1, math.floor(int(self.max_unavailable.removesuffix("%")) * workers / 100))
        return max(1, self.max_unavailable)
