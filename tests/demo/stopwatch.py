"""How long has it taken, in a form that people read?"""

from __future__ import annotations

import time


def elapsed(since: float) -> str:
    """Minutes and seconds since a moment of the monotonic clock: 2:05."""
    minutes, seconds = divmod(int(time.monotonic() - since), 60)
    return f"{minutes}:{seconds:02d}"
