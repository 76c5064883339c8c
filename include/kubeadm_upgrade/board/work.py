"""How long a step took, by what its outcome tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kubeadm_upgrade.waits import idle_seconds


def work_seconds(outcome: Mapping[str, Any]) -> float:
    """Without what was somebody else's time. An earlier release has not told of that."""
    seconds = outcome.get("seconds")
    return max(0.0, float(seconds) - idle_seconds(outcome.get("waited"))) if isinstance(seconds, int | float) else 0.0
