"""Calendars against another way to say the same: minute by minute, by what a clock on the wall shows.

Days come from dateutil's rrule and from a plain reading of cron's five fields, and time zones from dateutil as well. Of
ours nothing is used but the reading of the file.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import groupby, pairwise, takewhile

from dateutil import rrule, tz
from hypothesis import given, settings
from hypothesis import strategies as st

from kubeadm_upgrade.windows.calendar import Calendar, Work
from kubeadm_upgrade.windows_file import WindowsSettings

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SEEN_DAYS, AROUND = 6, 4  # what is compared; and how much more of a wall's clock is needed, before and after
SEEN = SEEN_DAYS * 24 * 60
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "America/Santiago")
# about these days clocks are turned somewhere, months end, and a year has a day more
FIRST_DAYS = ["2026-03-06", "2026-03-26", "2026-04-02", "2026-09-03", "2026-10-01", "2026-10-22", "2026-10-30"]
FIRST_DAYS += ["2026-12-28", "2028-02-26"]


class Wall:
    """A clock on a wall, minute by minute. Minutes are counted, the first of those that are compared being 0."""

    def __init__(self, zone: str, first: datetime) -> None:
        there, self.low, self.high = tz.gettz(zone), -AROUND * 24 * 60, SEEN + AROUND * 24 * 60
        begins = first.replace(tzinfo=UTC)
        self.shows = [
            (number, (begins + number * MINUTE).astimezone(there).replace(tzinfo=None))
            for number in range(self.low, self.high)
        ]
        self.firsts = {shown: number for number, shown in reversed(self.shows)}
        self.lasts = {shown: number for number, shown in self.shows}

    def first(self, shown: datetime) -> int:
        """When a clock shows this for the first time, or has jumped over it."""
        return self.firsts.get(shown) or next(number for number, wall in self.shows if wall >= shown)

    def last(self, shown: datetime) -> int:
        return self.lasts.get(shown) or self.first(shown)


wall_of = cache(Wall)


def fields(text: str, low: int, high: int) -> set[int]:
    """A field of cron: a list of numbers, or all."""
    return set(range(low, high + 1)) if text == "*" else {int(one) for one in text.split(",")}


def cron_opens(expression: str, since: datetime, days: int) -> Iterator[datetime]:
    """Either of both days where both are limited: the manual page of crontab(5)."""
    minutes, hours, of_month, month, of_week = expression.split()
    for day in (since + number * DAY for number in range(days)):
        in_month = day.day in fields(of_month, 1, 31)
        in_week = day.isoweekday() % 7 in fields(of_week, 0, 6)
        comes = (in_month and in_week) if "*" in (of_month, of_week) else (in_month or in_week)
        if comes and day.month in fields(month, 1, 12):
            for hour in fields(hours, 0, 23):
                yield from (day + timedelta(hours=hour, minutes=minute) for minute in fields(minutes, 0, 59))


def days_open(days: set[int], hour: int, minute: int, since: datetime, count: int) -> Iterator[datetime]:
    rule = rrule.rrule(rrule.WEEKLY, since, byweekday=days, byhour=hour, byminute=minute, bysecond=0)
    return takewhile(lambda one: one < since + count * DAY, iter(rule))


def numbers(low: int, high: int, most: int) -> st.SearchStrategy[str]:
    some = st.lists(st.integers(low, high), min_size=1, max_size=most, unique=True)
    return some.map(lambda them: ",".join(map(str, sorted(them))))


MINUTES = st.one_of(st.integers(1, 200), st.integers(1, 200), st.integers(200, 60 * 60))
# many hours are those in which clocks are turned, and midnight
HOURS = st.one_of(st.sampled_from([0, 1, 2, 3, 22, 23]), st.integers(0, 23))


class Compared:
    """A calendar, and which minutes are open by its reference, for the same days and the same work."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw
        self.zone = draw(st.sampled_from(ZONES))
        self.first = datetime.fromisoformat(draw(st.sampled_from(FIRST_DAYS)))
        self.work = Work(draw(st.booleans()), draw(st.booleans()))
        self._wall = wall_of(self.zone, self.first)
        self._open = dict.fromkeys(range(self._wall.low, self._wall.high), False)
        said = {
            "timezone": self.zone,
            "recurring": [*self._some(self._days, 0, 2), *self._some(self._cron, 0, 2)],
            "once": self._some(self._once, 1, 2),
            "exclusions": self._some(self._exclusion, 0, 3),
        }
        self.calendar: Calendar = WindowsSettings.model_validate(said).calendar

    @property
    def open(self) -> list[int]:
        return [number for number, is_open in self._open.items() if is_open]

    def moment(self, number: float) -> datetime:
        return self.first.replace(tzinfo=UTC) + number * MINUTE

    def _some(self, kind, low, high) -> list[dict[str, object]]:
        return [kind(self._draw) for _ in range(self._draw(st.integers(low, high)))]

    def _mark(self, begins: int, ends: int, is_open: bool) -> None:
        self._open |= dict.fromkeys(range(begins, min(ends, self._wall.high)), is_open)

    def _opens(self, all_shown, minutes: int) -> None:
        for begins in map(self._wall.first, all_shown):
            self._mark(begins, begins + minutes, True)

    def _days(self, draw: st.DrawFn) -> dict[str, object]:
        days, lasts = draw(st.sets(st.integers(0, 6), min_size=1)), draw(MINUTES)
        hour, minute = draw(HOURS), draw(st.integers(0, 59))
        self._opens(days_open(days, hour, minute, self.first - 3 * DAY, SEEN_DAYS + 4), lasts)
        return {"days": [NAMES[day] for day in days], "start": f"{hour:02}:{minute:02}", "duration": f"{lasts}m"}

    def _cron(self, draw: st.DrawFn) -> dict[str, object]:
        times = (draw(numbers(0, 59, 3)), draw(HOURS.map(str) | numbers(0, 23, 3)))
        days = (draw(st.just("*") | numbers(1, 28, 9)), draw(st.just("*") | numbers(1, 12, 9)))
        expression, lasts = " ".join((*times, *days, draw(st.just("*") | numbers(0, 6, 4)))), draw(MINUTES)
        self._opens(cron_opens(expression, self.first - 3 * DAY, SEEN_DAYS + 4), lasts)
        return {"cron": expression, "duration": f"{lasts}m"}

    def _some_wall(self, draw: st.DrawFn) -> datetime:
        return self.first + draw(st.integers(-24 * 60, SEEN)) * MINUTE

    def _once(self, draw: st.DrawFn) -> dict[str, object]:
        shown, lasts = self._some_wall(draw), draw(MINUTES)
        self._opens([shown], lasts)
        return {"start": f"{shown:%Y-%m-%dT%H:%M}", "duration": f"{lasts}m"}

    def _exclusion(self, draw: st.DrawFn) -> dict[str, object]:
        begins = self._some_wall(draw)
        ends, scope = begins + draw(MINUTES) * MINUTE, draw(st.sampled_from(["all", "minor", "nodes"]))
        forbids = {"all": True, "minor": self.work.changes_minor, "nodes": self.work.drains}[scope]
        written = "%Y-%m-%d" if draw(st.booleans()) else "%Y-%m-%dT%H:%M"
        said = {"from": f"{begins:{written}}", "to": f"{ends:{written}}", "scope": scope}
        if written == "%Y-%m-%d":  # whole days, both of them
            begins, ends = (one.replace(hour=0, minute=0) for one in (begins, ends + DAY))
            last = self._wall.first(ends)
        else:
            last = self._wall.last(ends)
        if forbids:
            self._mark(self._wall.first(begins), last, False)
        return said


@st.composite
def compared(draw: st.DrawFn) -> Compared:
    return Compared(draw)


@given(compared())
@settings(max_examples=60)
def test_every_minute_of_an_opening_is_in_a_window_and_in_no_exclusion_and_the_other_way_round(one):
    found = [number for number in range(SEEN) if one.calendar.opening_at(one.moment(number), one.work)]
    assert found == [number for number in one.open if 0 <= number < SEEN]


@given(compared())
def test_openings_are_what_is_open_without_a_break(one):
    """Ascending, disjoint, not touching, each with its own bounds: also the one under way at the first moment."""
    first, last = one.moment(0), one.moment(SEEN)
    of = one.calendar.openings(first, one.work)
    found = [(each.start, each.end) for each in takewhile(lambda each: each.end < last, of)]
    assert all(before[1] < after[0] for before, after in pairwise(found))
    runs = [[number for _, number in run] for _, run in groupby(enumerate(one.open), lambda it: it[1] - it[0])]
    expected = [(one.moment(run[0]), one.moment(run[-1] + 1)) for run in runs]
    known = one.moment(-24 * 60)  # of what began earlier the reference may not know how much
    assert [each for each in found if each[0] >= known] == [
        each for each in expected if first < each[1] < last and each[0] >= known
    ]


@given(compared(), st.lists(st.integers(0, SEEN * 60), max_size=10))
def test_an_opening_at_a_moment_is_one_of_the_openings(one, seconds):
    """Whichever moment one asks after; and the next is the first that ends later."""
    for moment in (one.moment(second / 60) for second in seconds):
        following = next(one.calendar.openings(moment, one.work), None)
        found = one.calendar.opening_at(moment, one.work)
        assert found == (following if following and moment in following else None)
        if following:
            assert following.end > moment
            assert one.calendar.opening_at(following.start, one.work) == following


@given(
    st.lists(st.tuples(st.integers(0, 300), st.integers(1, 60)), min_size=1, max_size=6),
    st.lists(st.tuples(st.integers(0, 300), st.integers(1, 60)), max_size=4),
)
def test_windows_of_seconds(windows, exclusions):
    noon = datetime(2026, 12, 5, 12, tzinfo=UTC)

    def told(second: int) -> str:
        return f"{noon + timedelta(seconds=second):%Y-%m-%dT%H:%M:%S}"

    said = {
        "once": [{"start": told(start), "duration": f"{lasts}s"} for start, lasts in windows],
        "exclusions": [{"from": told(start), "to": told(start + lasts)} for start, lasts in exclusions],
    }
    calendar = WindowsSettings.model_validate(said).calendar
    for second in range(370):
        is_open = any(start <= second < start + lasts for start, lasts in windows)
        is_closed = any(start <= second < start + lasts for start, lasts in exclusions)
        found = calendar.opening_at(noon + timedelta(seconds=second))
        assert (found is not None) == (is_open and not is_closed)
