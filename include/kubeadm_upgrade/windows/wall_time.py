"""Which moment the hands of a clock on the wall mean, on days too when somebody turns them."""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import lru_cache


def moment(wall: datetime, zone: tzinfo) -> datetime:
    """In UTC. A time that the clocks skip is the moment they jump; one that they show twice is the first."""
    before, after = _offsets(wall, zone)
    if before < after:
        return _jump(wall, zone)
    return (wall - before).replace(tzinfo=UTC)


def last_moment(wall: datetime, zone: tzinfo) -> datetime:
    """The same, but the second of what the clocks show twice: for what ends then, and must not end too early."""
    before, after = _offsets(wall, zone)
    return moment(wall, zone) if before < after else (wall - after).replace(tzinfo=UTC)


def first_moment(day: date, zone: tzinfo) -> datetime:
    """Of a day: midnight, unless the clocks skip it."""
    return moment(datetime.combine(day, time()), zone)


@lru_cache(maxsize=8192)  # several windows of a calendar have the same days, and who waits asks for them again
def plain_midnight(day: date, zone: tzinfo) -> datetime | None:
    """From which the hours of a day are counted; None where one of them is skipped or there twice."""
    midnight = datetime.combine(day, time())
    before, after = _offsets(midnight, zone)
    if before == after == _offsets(midnight + timedelta(days=1), zone)[0]:
        return (midnight - before).replace(tzinfo=UTC)
    return None


def _offsets(wall: datetime, zone: tzinfo) -> tuple[timedelta, timedelta]:
    """By which the clocks are ahead of UTC, as they were before they were turned and as they are then."""
    before, after = (wall.replace(tzinfo=zone, fold=fold).utcoffset() or timedelta() for fold in (0, 1))
    return before, after


def _jump(wall: datetime, zone: tzinfo) -> datetime:
    """When the clocks skip what they never show: the first second at which they are ahead by the later offset."""
    before, after = _offsets(wall, zone)
    low, high = ((wall - offset).replace(microsecond=0, tzinfo=UTC) for offset in (after, before))
    seconds = range(int((high - low).total_seconds()) + 1)
    return low + timedelta(
        seconds=bisect_left(
            seconds, True, key=lambda passed: (low + timedelta(seconds=passed)).astimezone(zone).utcoffset() == after
        )
    )
