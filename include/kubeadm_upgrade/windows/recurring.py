"""Windows that come again: on days of the week, or as cron says.

Both are days, and times on each of them by the clock on the wall. A window belongs to the day on which it opens,
however long after midnight it closes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import cached_property
from itertools import count

from kubeadm_upgrade.windows.opening import Opening, merged
from kubeadm_upgrade.windows.wall_time import moment, plain_midnight

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
LONGEST = timedelta(days=31)  # a window that comes again; longer ones of a year are several that are there once
_A_DAY = timedelta(days=1)
_SOME_MIDNIGHT = datetime(2000, 1, 1, tzinfo=UTC)  # to calculate with times of day
_EVERY = ["*"]
_LONGEST_YEARS = 8  # between two days of a cron expression: the 29 of February about 2100


@dataclass(frozen=True)
class OnDays:
    """At one time on some days of the week, each as in DAYS."""

    days: tuple[str, ...]
    start: time
    duration: timedelta

    @property
    def times(self) -> tuple[time, ...]:
        """At which it opens, on each of its days."""
        return (self.start,)

    def dates(self, since: date) -> Iterator[date]:
        """On which it opens, the first not before `since`."""
        return (day for day in _every_day(since) if DAYS[day.weekday()] in self.days)

    def spans(self, zone: tzinfo, since: datetime) -> Iterator[Opening]:
        """In the order of their starts: all that end at `since` or later."""
        return _spans(self, zone, since)


@dataclass(frozen=True)
class ByCron:
    """At the times that a cron expression of five fields tells."""

    cron: str
    duration: timedelta

    @cached_property
    def times(self) -> tuple[time, ...]:
        minutes, hours = (
            range(size) if field == _EVERY else sorted(map(int, field))
            for size, field in zip((60, 24), self._fields, strict=False)
        )
        return tuple(time(hour, minute) for hour in hours for minute in minutes)

    def dates(self, since: date) -> Iterator[date]:
        """What its last three fields say."""
        if self._fields[2:] == [_EVERY] * 3:
            return _every_day(since)
        return self._dates(since)

    def spans(self, zone: tzinfo, since: datetime) -> Iterator[Opening]:
        return _spans(self, zone, since)

    @cached_property
    def _fields(self) -> list[list[int | str]]:
        from croniter import croniter  # most files have none, and need not wait for its import

        expanded: list[list[int | str]] = croniter.expand(self.cron)[0]
        return expanded

    def _dates(self, since: date) -> Iterator[date]:
        from croniter import CroniterBadDateError, croniter

        midnights = " ".join(("0", "0", *self.cron.split()[2:]))
        before = datetime.combine(since, time()) - timedelta(minutes=1)
        days = croniter(midnights, before, max_years_between_matches=_LONGEST_YEARS)
        try:
            while True:
                yield days.get_next(datetime).date()
        except CroniterBadDateError:
            return


Recurring = OnDays | ByCron


def _spans(recurring: Recurring, zone: tzinfo, since: datetime) -> Iterator[Opening]:
    """Days on which nobody turns the clocks are alike, so that of many times a day few spans are left to look at."""
    duration = recurring.duration
    alike = tuple(merged(_opened(_SOME_MIDNIGHT + _after_midnight(at), duration) for at in recurring.times))
    # a day more, since local days begin earlier and later than those of UTC
    for day in recurring.dates((since.astimezone(zone) - duration).date() - _A_DAY):
        if midnight := plain_midnight(day, zone):
            passed = midnight - _SOME_MIDNIGHT
            spans = tuple(Opening(one.start + passed, one.end + passed) for one in alike)
        else:
            starts = (moment(datetime.combine(day, at), zone) for at in recurring.times)
            spans = tuple(merged(_opened(start, duration) for start in starts))
        yield from (span for span in spans if span.end >= since)


def _opened(start: datetime, duration: timedelta) -> Opening:
    return Opening(start, start + duration)


def _after_midnight(at: time) -> timedelta:
    return timedelta(hours=at.hour, minutes=at.minute, seconds=at.second)


def _every_day(since: date) -> Iterator[date]:
    return (since + timedelta(days=passed) for passed in count())
