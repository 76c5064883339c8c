"""A window that is there once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from kubeadm_upgrade.windows.opening import Opening


@dataclass(frozen=True)
class Once:
    """Its start is in UTC; a duration is real time."""

    start: datetime
    duration: timedelta

    @property
    def span(self) -> Opening:
        return Opening(self.start, self.start + self.duration)
