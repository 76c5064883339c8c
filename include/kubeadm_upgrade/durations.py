"""Durations as people write them into a file: `90m`, `1h30m`, `45s`, `2d`."""

from __future__ import annotations

import re
from datetime import timedelta

PATTERN = r"^(?=\d)(\d+d)?(\d+h)?(\d+m)?(\d+s)?$"  # also for editors
_UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}
_LONGEST_DIGITS = 8  # more are a slip, and no timedelta


def parse_duration(text: object) -> timedelta:
    """Raises ValueError with a sentence for anything else, a bare number among it: it does not say of what."""
    if not isinstance(text, str) or not re.fullmatch(PATTERN, text, re.ASCII):
        raise ValueError("must be a duration such as 90m, 4h, 1h30m, 45s or 2d: its units are d, h, m and s")
    parts = re.findall(r"(\d+)([dhms])", text, re.ASCII)
    if any(len(number) > _LONGEST_DIGITS for number, _ in parts):
        raise ValueError("is longer than anything takes")
    return timedelta(**{_UNITS[unit]: int(number) for number, unit in parts})


def told(duration: timedelta) -> str:
    """As it would be written, to the second: `1h30m`."""
    seconds = int(duration.total_seconds())
    if seconds < 0:
        return f"-{told(-duration)}"
    sizes = (("d", 86400), ("h", 3600), ("m", 60), ("s", 1))
    parts = []
    for unit, size in sizes:
        number, seconds = divmod(seconds, size)
        parts += [f"{number}{unit}"] if number else []
    return "".join(parts) or "0s"
