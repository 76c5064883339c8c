"""How long a drain that is refused waits before it asks again: longer each time, and as long as the API says."""

from __future__ import annotations

import math
from collections.abc import Iterable

from kubeadm_upgrade.drain.obstacle import Obstacle
from kubeadm_upgrade.waits import A_TURN, MOST_TURNS

_LONGEST = 16  # turns: what stands in the way may end at any moment


def turns_until_asked_again(causes: Iterable[object], refused: int) -> int:
    """`refused`: how often in a row nothing was granted."""
    asked = max((one.retry_after or 0 for one in causes if isinstance(one, Obstacle)), default=0)
    said = min(math.ceil(asked / A_TURN.total_seconds()), MOST_TURNS)
    doubled: int = 1 << min(refused // 2, _LONGEST)
    return max(1, said, min(doubled, _LONGEST))
