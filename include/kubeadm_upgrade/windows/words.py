"""Windows, exclusions and moments as one says them, by the clocks of the calendar's zone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, time, timedelta, tzinfo
from itertools import pairwise

from kubeadm_upgrade.durations import told
from kubeadm_upgrade.windows.calendar import (
    ALWAYS_WAS,
    NEVER_ENDS,
    Calendar,
    Exclusion,
    OnDays,
    Opening,
    Recurring,
    Scope,
)
from kubeadm_upgrade.windows.recurring import DAYS

AT_ANY_TIME = "at any time"
# not by strftime: it speaks whatever language the process was told
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SOME_DAY = datetime(2000, 1, 1)  # noqa: DTZ001 the clock on a wall
_A_DAY = timedelta(days=1)
_FORBIDS: Mapping[Scope, str] = {
    Scope.ALL: "nothing",
    Scope.MINOR: "no other minor release",
    Scope.NODES: "no drain",
}


def moment_told(moment: datetime, zone: tzinfo, now: datetime | None = None) -> str:
    """`Sat 5 Dec 22:00`; with the year where it is another than now's."""
    local = moment.astimezone(zone)
    year = f" {local.year}" if now is not None and now.astimezone(zone).year != local.year else ""
    return f"{_day(local)} {local.day} {_MONTHS[local.month - 1]}{year} {_clock(local.time())}"


def opening_told(opening: Opening, calendar: Calendar, now: datetime | None = None) -> str:
    """`Sat 5 Dec 22:00 to Sun 02:00`, as somebody says it who means the same night."""
    zone = calendar.zone
    if opening.start == ALWAYS_WAS:
        return AT_ANY_TIME if opening.end == NEVER_ENDS else f"until {moment_told(opening.end, zone, now)}"
    if opening.end == NEVER_ENDS:
        return f"from {moment_told(opening.start, zone, now)} on"
    return f"{moment_told(opening.start, zone, now)} to {_end_told(opening, zone, now)}"


def recurring_told(one: Recurring) -> str:
    """`Sat, Sun 22:00 to 02:00`."""
    if not isinstance(one, OnDays):
        return f"{one.cron} (cron) for {told(one.duration)}"
    if one.duration > _A_DAY:
        return f"{_days_told(one.days)} {_clock(one.start)} for {told(one.duration)}"
    ends = (datetime.combine(_SOME_DAY, one.start) + one.duration).time()
    return f"{_days_told(one.days)} {_clock(one.start)} to {_clock(ends)}"


def exclusion_told(one: Exclusion, calendar: Calendar, now: datetime | None = None) -> str:
    """`no drain from Sun 20 Dec 00:00 to Mon 4 Jan 00:00: year end`."""
    begins, ends = (moment_told(at, calendar.zone, now) for at in (one.start, one.end))
    return f"{_FORBIDS[one.scope]} from {begins} to {ends}{one.reason and f': {one.reason}'}"


def calendar_told(calendar: Calendar, now: datetime | None = None) -> str:
    """Its windows in one sentence, with the zone: `Sat, Sun 22:00 to 02:00 (Europe/Berlin)`."""
    if calendar.is_always:
        return AT_ANY_TIME
    once = sorted(one.span for one in calendar.once if now is None or one.span.end > now)
    windows = (*map(recurring_told, calendar.recurring), *(opening_told(one, calendar, now) for one in once))
    return f"{'; '.join(windows) or 'all windows are over'} ({calendar.timezone})"


def _end_told(opening: Opening, zone: tzinfo, now: datetime | None) -> str:
    start, end = (at.astimezone(zone) for at in (opening.start, opening.end))
    if start.date() == end.date():
        return _clock(end.time())
    if (end.date() - start.date()) == _A_DAY:
        return f"{_day(end)} {_clock(end.time())}"
    return moment_told(end, zone, now)


def _day(local: datetime) -> str:
    return DAYS[local.weekday()].capitalize()


def _clock(at: time) -> str:
    return f"{at:%H:%M:%S}" if at.second else f"{at:%H:%M}"


def _days_told(days: tuple[str, ...]) -> str:
    if len(days) == len(DAYS):
        return "daily"
    return ", ".join(_runs(days))


def _runs(days: tuple[str, ...]) -> Iterator[str]:
    """Three and more that follow each other are one: `Mon to Fri`."""
    numbers = [DAYS.index(day) for day in days]
    starts = [0, *(at for at, (one, two) in enumerate(pairwise(numbers), 1) if two != one + 1), len(numbers)]
    for first, after in pairwise(starts):
        names = [day.capitalize() for day in days[first:after]]
        yield from (f"{names[0]} to {names[-1]}",) if len(names) > 2 else names
