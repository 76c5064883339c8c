"""Which windows come next, in words, by the clocks of the calendar's zone."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from itertools import islice

from kubeadm_upgrade.windows.calendar import Calendar, Opening
from kubeadm_upgrade.windows.words import moment_told, opening_told


def next_window_told(calendar: Calendar, now: datetime) -> str:
    """`The next window opens on Sat 5 Dec 22:00 (Europe/Berlin)`: not the one that is open."""
    for opening in _yet_to_open(calendar, now):
        return f"The next window opens on {moment_told(opening.start, calendar.zone, now)} ({calendar.timezone})"
    return "No other window is to come"


def coming_told(calendar: Calendar, now: datetime, most: int) -> str:
    """The one that is open, and those that come next."""
    opening = calendar.opening_at(now)
    open_now = f"Open: {opening_told(opening, calendar, now)}. " if opening else ""
    following = [opening_told(one, calendar, now) for one in islice(_yet_to_open(calendar, now), most)]
    return f"{open_now}Next: {'; '.join(following) or 'none'} ({calendar.timezone})"


def _yet_to_open(calendar: Calendar, now: datetime) -> Iterator[Opening]:
    return (one for one in calendar.openings(now) if one.start > now)
