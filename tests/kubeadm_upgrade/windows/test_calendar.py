"""When a cluster may be worked at: windows as files say them, and what comes of them."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise

import pytest

from kubeadm_upgrade.durations import told
from kubeadm_upgrade.windows.calendar import ALWAYS, ALWAYS_WAS, NEVER_ENDS, Calendar, Opening, Work
from kubeadm_upgrade.windows_file import WindowsSettings

BERLIN, NEW_YORK, LORD_HOWE, KOLKATA = "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"


def calendar(timezone: str = "UTC", **said: object) -> Calendar:
    """What a cluster's file makes of it."""
    return WindowsSettings.model_validate({"timezone": timezone} | said).calendar


def days(names: str, start: str, duration: str) -> dict[str, object]:
    return {"days": names.split(), "start": start, "duration": duration}


def cron(expression: str, duration: str) -> dict[str, object]:
    return {"cron": expression, "duration": duration}


def once(start: str, duration: str) -> dict[str, object]:
    return {"start": start, "duration": duration}


def freeze(begins: str, ends: str, scope: str = "all") -> dict[str, object]:
    return {"from": begins, "to": ends, "scope": scope}


def at(text: str, of: Calendar) -> datetime:
    """A moment by the clocks of the calendar's zone, unless it has an offset."""
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=moment.tzinfo or of.zone).astimezone(UTC)


def shown(opening: Opening, of: Calendar) -> str:
    return f"{opening.start.astimezone(of.zone):%a %Y-%m-%dT%H:%M:%S%z} {told(opening.lasts)}"


WEEK = "mon tue wed thu fri sat sun"
FRIDAY = {"recurring": [days("fri", "22:00", "4h")]}
WEEK_END = {"recurring": [days("sat sun", "22:00", "4h")]}
OPENINGS = [
    # id, zone, what the file says, after, what comes then
    pytest.param(BERLIN, FRIDAY, "2026-11-23T00:00", ["Fri 2026-11-27T22:00:00+0100 4h"], id="wraps midnight"),
    pytest.param(
        BERLIN,
        WEEK_END,
        "2026-11-28T12:00",
        ["Sat 2026-11-28T22:00:00+0100 4h", "Sun 2026-11-29T22:00:00+0100 4h", "Sat 2026-12-05T22:00:00+0100 4h"],
        id="wraps midnight over a week end, and into the new week",
    ),
    pytest.param(
        BERLIN,
        {"recurring": [days("mon", "00:00", "30m")]},
        "2026-11-23T00:29",
        ["Mon 2026-11-23T00:00:00+0100 30m", "Mon 2026-11-30T00:00:00+0100 30m"],
        id="one under way comes first, with its own start",
    ),
    pytest.param(
        BERLIN,
        {"recurring": [days("mon", "00:00", "30m")]},
        "2026-11-23T00:30",
        ["Mon 2026-11-30T00:00:00+0100 30m"],
        id="at its end it is over",
    ),
    pytest.param(
        BERLIN,
        {"recurring": [days("fri", "20:00", "2d12h")]},
        "2026-11-23T00:00",
        ["Fri 2026-11-20T20:00:00+0100 2d12h", "Fri 2026-11-27T20:00:00+0100 2d12h"],
        id="longer than a day",
    ),
    pytest.param(
        BERLIN,
        {"recurring": [days("fri", "18:00", "31d")]},
        "2026-01-09T17:00",
        [None, None],
        id="each begins before the last has ended",
    ),
    pytest.param(
        "UTC", {"recurring": [days(WEEK, "00:00", "24h")]}, "2026-03-01T00:00", [None, None], id="without end"
    ),
    pytest.param(
        BERLIN,
        {"recurring": [days(WEEK, "00:00", "24h")]},
        "2026-03-01T00:00",
        ["Mon 2025-10-27T00:00:00+0100 363d23h", "Mon 2026-10-26T00:00:00+0100 370d23h"],
        id="all day long is an hour short when the clocks go back",
    ),
    pytest.param(
        BERLIN,
        {"recurring": [days("sat", "22:00", "2h"), days("sun", "00:00", "3h")]},
        "2026-11-23T00:00",
        ["Sat 2026-11-28T22:00:00+0100 5h", "Sat 2026-12-05T22:00:00+0100 5h"],
        id="adjacent ones are one",
    ),
    pytest.param(
        BERLIN,
        {"recurring": [days("sat", "20:00", "6h"), cron("30 21 * * 6", "30m"), days("sun", "01:00", "90m")]},
        "2026-11-23T00:00",
        ["Sat 2026-11-28T20:00:00+0100 6h30m"],
        id="overlapping ones are one, and one inside another is nothing more",
    ),
    pytest.param(
        BERLIN,
        {"recurring": [days("sat", "22:00", "2h")], "once": [once("2026-11-29T00:00", "1h")]},
        "2026-11-23T00:00",
        ["Sat 2026-11-28T22:00:00+0100 3h", "Sat 2026-12-05T22:00:00+0100 2h"],
        id="one that is there once makes another longer",
    ),
    # cron
    pytest.param(
        BERLIN,
        {"recurring": [cron("0 22 * * 1-5", "3h")]},
        "2026-11-26T12:00",
        ["Thu 2026-11-26T22:00:00+0100 3h", "Fri 2026-11-27T22:00:00+0100 3h", "Mon 2026-11-30T22:00:00+0100 3h"],
        id="cron on working days",
    ),
    pytest.param(
        BERLIN,
        {"recurring": [cron("*/15 2,4 * * sun", "15m")]},
        "2026-11-28T12:00",
        ["Sun 2026-11-29T02:00:00+0100 1h", "Sun 2026-11-29T04:00:00+0100 1h"],
        id="many short ones of cron are one",
    ),
    pytest.param(
        BERLIN,
        {"recurring": [cron("30 23 l * *", "2h")]},
        "2026-02-01T01:30",
        ["Sat 2026-02-28T23:30:00+0100 2h", "Tue 2026-03-31T23:30:00+0200 2h", "Thu 2026-04-30T23:30:00+0200 2h"],
        id="month ends",
    ),
    pytest.param(
        BERLIN,
        {"recurring": [cron("0 1 31 * *", "1h")]},
        "2026-02-01T00:00",
        ["Tue 2026-03-31T01:00:00+0200 1h", "Sun 2026-05-31T01:00:00+0200 1h", "Fri 2026-07-31T01:00:00+0200 1h"],
        id="a day that not every month has",
    ),
    pytest.param(
        BERLIN,
        {"recurring": [cron("0 22 * * sat#2", "2h")]},
        "2026-11-23T00:00",
        ["Sat 2026-12-12T22:00:00+0100 2h", "Sat 2027-01-09T22:00:00+0100 2h"],
        id="the second Saturday of each month",
    ),
    pytest.param(
        BERLIN,
        {"recurring": [cron("0 22 13 * 5", "2h")]},
        "2026-11-09T00:00",
        ["Fri 2026-11-13T22:00:00+0100 2h", "Fri 2026-11-20T22:00:00+0100 2h"],
        id="a day of the month or of the week, as cron has it",
    ),
    pytest.param(
        "UTC",
        {"recurring": [cron("0 12 29 2 *", "36h")]},
        "2026-11-09T00:00",
        ["Tue 2028-02-29T12:00:00+0000 1d12h", "Sun 2032-02-29T12:00:00+0000 1d12h"],
        id="leap days",
    ),
    pytest.param(
        "UTC",
        {"recurring": [days("tue", "23:00", "26h")]},
        "2028-02-28T00:00",
        ["Tue 2028-02-29T23:00:00+0000 1d2h"],
        id="from a leap day into March",
    ),
    pytest.param(
        "UTC",
        {"recurring": [cron("0 22 31 12 *", "4h")]},
        "2026-12-31T23:59",
        ["Thu 2026-12-31T22:00:00+0000 4h", "Fri 2027-12-31T22:00:00+0000 4h"],
        id="over the year's end",
    ),
    # clocks go forward: what does not exist opens as they jump; a duration is real time
    pytest.param(
        BERLIN,
        {"recurring": [days("sun", "02:30", "1h")]},
        "2026-03-28T00:00",
        ["Sun 2026-03-29T03:00:00+0200 1h", "Sun 2026-04-05T02:30:00+0200 1h"],
        id="Berlin, forward: a start that does not exist",
    ),
    pytest.param(
        BERLIN,
        {"recurring": [days("sat", "22:00", "8h")]},
        "2026-03-28T00:00",
        ["Sat 2026-03-28T22:00:00+0100 8h"],
        id="Berlin, forward: eight hours are eight",
    ),
    pytest.param(
        BERLIN,
        {"recurring": [cron("0,30 2 * * *", "30m")]},
        "2026-03-28T12:00",
        ["Sun 2026-03-29T03:00:00+0200 30m", "Mon 2026-03-30T02:00:00+0200 1h"],
        id="Berlin, forward: two that do not exist are one",
    ),
    pytest.param(
        BERLIN,
        {"recurring": [days("sun", "03:00", "1h")]},
        "2026-03-29T00:00",
        ["Sun 2026-03-29T03:00:00+0200 1h"],
        id="Berlin, forward: the hour that the clocks jump to",
    ),
    # clocks go back: what is there twice opens at the first
    pytest.param(
        BERLIN,
        {"recurring": [days("sun", "02:30", "1h")]},
        "2026-10-24T00:00",
        ["Sun 2026-10-25T02:30:00+0200 1h", "Sun 2026-11-01T02:30:00+0100 1h"],
        id="Berlin, back: a start that is there twice",
    ),
    pytest.param(
        BERLIN,
        {"recurring": [days("sat", "22:00", "8h")]},
        "2026-10-24T00:00",
        ["Sat 2026-10-24T22:00:00+0200 8h"],
        id="Berlin, back: eight hours are eight",
    ),
    pytest.param(
        BERLIN,
        {"recurring": [days("sun", "03:00", "1h")]},
        "2026-10-24T00:00",
        ["Sun 2026-10-25T03:00:00+0100 1h"],
        id="Berlin, back: an hour that is there once",
    ),
    pytest.param(
        NEW_YORK,
        {"recurring": [days("sun", "02:15", "2h")]},
        "2026-03-07T00:00",
        ["Sun 2026-03-08T03:00:00-0400 2h"],
        id="New York, forward",
    ),
    pytest.param(
        NEW_YORK,
        {"recurring": [days("sun", "01:15", "2h")]},
        "2026-10-31T00:00",
        ["Sun 2026-11-01T01:15:00-0400 2h"],
        id="New York, back",
    ),
    pytest.param(
        NEW_YORK,
        {"recurring": [cron("0 0 1 11 *", "3h")]},
        "2026-10-31T00:00",
        ["Sun 2026-11-01T00:00:00-0400 3h"],
        id="New York, back: by cron, ends at two",
    ),
    pytest.param(
        LORD_HOWE,
        {"recurring": [days("sun", "02:15", "1h")]},
        "2026-10-03T00:00",
        ["Sun 2026-10-04T02:30:00+1100 1h", "Sun 2026-10-11T02:15:00+1100 1h"],
        id="Lord Howe, forward by half an hour",
    ),
    pytest.param(
        LORD_HOWE,
        {"recurring": [days("sun", "01:45", "1h")]},
        "2026-04-04T00:00",
        ["Sun 2026-04-05T01:45:00+1100 1h", "Sun 2026-04-12T01:45:00+1030 1h"],
        id="Lord Howe, back by half an hour",
    ),
    pytest.param(
        KOLKATA,
        {"recurring": [days("sun", "02:30", "1h")]},
        "2026-03-28T00:00",
        ["Sun 2026-03-29T02:30:00+0530 1h"],
        id="a zone that never turns its clocks",
    ),
    pytest.param(
        "America/Santiago",
        {"recurring": [days("sun", "00:00", "1h")]},
        "2026-09-05T12:00",
        ["Sun 2026-09-06T01:00:00-0300 1h"],
        id="a day that has no midnight",
    ),
    pytest.param(
        "Pacific/Apia",
        {"recurring": [days("fri", "12:00", "1h"), days("sat", "12:00", "1h")]},
        "2011-12-29T12:00",
        ["Sat 2011-12-31T00:00:00+1400 1h", "Sat 2011-12-31T12:00:00+1400 1h"],
        id="a day that was left out",
    ),
    pytest.param(
        "Pacific/Kiritimati",
        {"recurring": [days("mon", "00:00", "1h")]},
        "2026-11-23T00:30",
        ["Mon 2026-11-23T00:00:00+1400 1h"],
        id="fourteen hours ahead",
    ),
    pytest.param(
        "Pacific/Pago_Pago",
        {"recurring": [days("mon", "23:59", "1h")]},
        "2026-11-24T00:30",
        ["Mon 2026-11-23T23:59:00-1100 1h"],
        id="eleven hours behind",
    ),
    # once
    pytest.param(
        BERLIN,
        {"once": [once("2026-12-05T22:00", "6h")]},
        "2026-11-23T00:00",
        ["Sat 2026-12-05T22:00:00+0100 6h", None],
        id="once, by the zone's clocks",
    ),
    pytest.param(
        BERLIN,
        {"once": [once("2026-12-05T22:00-05:00", "6h"), once("2026-12-05T22:00Z", "1h")]},
        "2026-11-23T00:00",
        ["Sat 2026-12-05T23:00:00+0100 1h", "Sun 2026-12-06T04:00:00+0100 6h", None],
        id="once, with an offset",
    ),
    pytest.param(
        BERLIN,
        {"once": [once("2026-12-05T22:00:07", "45s")]},
        "2026-12-05T22:00:51",
        ["Sat 2026-12-05T22:00:07+0100 45s", None],
        id="once, seconds",
    ),
    pytest.param(
        BERLIN,
        {"once": [once("2026-12-05T22:00:00", "30s"), once("2026-12-05T22:00:30", "30s")]},
        "2026-12-05T00:00",
        ["Sat 2026-12-05T22:00:00+0100 1m", None],
        id="once, seconds that touch",
    ),
    pytest.param(
        BERLIN,
        {"recurring": [days("sat", "22:00:10", "20s")]},
        "2026-12-05T00:00",
        ["Sat 2026-12-05T22:00:10+0100 20s"],
        id="seconds that come again",
    ),
    pytest.param(
        BERLIN, {"once": [once("2026-12-05T22:00", "6h")]}, "2026-12-06T04:00", [None], id="once, and it is over"
    ),
    pytest.param(
        BERLIN,
        {"once": [once("2026-10-25T02:30+01:00", "10m"), once("2026-10-25T02:30", "10m")]},
        "2026-10-25T00:00",
        ["Sun 2026-10-25T02:30:00+0200 10m", "Sun 2026-10-25T02:30:00+0100 10m", None],
        id="once, an hour that is there twice: an offset says the second",
    ),
    pytest.param(
        BERLIN, {"once": [once("2035-12-05T22:00", "6h")]}, "2026-12-06T04:00", [None], id="nothing for five years"
    ),
    # exclusions
    pytest.param(
        BERLIN,
        FRIDAY | {"exclusions": [freeze("2026-12-20", "2027-01-03")]},
        "2026-12-12T12:00",
        ["Fri 2026-12-18T22:00:00+0100 4h", "Fri 2027-01-08T22:00:00+0100 4h"],
        id="a freeze over the year's end",
    ),
    pytest.param(
        BERLIN,
        FRIDAY | {"exclusions": [freeze("2026-12-18", "2026-12-18")]},
        "2026-12-12T12:00",
        ["Sat 2026-12-19T00:00:00+0100 2h"],
        id="cut at the start: a day that is excluded ends at midnight",
    ),
    pytest.param(
        BERLIN,
        FRIDAY | {"exclusions": [freeze("2026-12-19", "2026-12-19")]},
        "2026-12-12T12:00",
        ["Fri 2026-12-18T22:00:00+0100 2h", "Fri 2026-12-25T22:00:00+0100 4h"],
        id="cut at the end",
    ),
    pytest.param(
        BERLIN,
        FRIDAY | {"exclusions": [freeze("2026-12-18T23:00", "2026-12-19T00:30")]},
        "2026-12-12T12:00",
        ["Fri 2026-12-18T22:00:00+0100 1h", "Sat 2026-12-19T00:30:00+0100 1h30m", "Fri 2026-12-25T22:00:00+0100 4h"],
        id="cut in the middle: two of one",
    ),
    pytest.param(
        BERLIN,
        FRIDAY | {"exclusions": [freeze("2026-12-18T20:00", "2026-12-18T22:00")]},
        "2026-12-12T12:00",
        ["Fri 2026-12-18T22:00:00+0100 4h"],
        id="one that ends as the window opens cuts nothing",
    ),
    pytest.param(
        BERLIN,
        FRIDAY | {"exclusions": [freeze("2026-12-19T02:00", "2026-12-19T03:00")]},
        "2026-12-12T12:00",
        ["Fri 2026-12-18T22:00:00+0100 4h"],
        id="nor one that begins as it closes",
    ),
    pytest.param(
        BERLIN,
        FRIDAY | {"exclusions": [freeze("2026-12-18T22:00", "2026-12-19T02:00")]},
        "2026-12-12T12:00",
        ["Fri 2026-12-25T22:00:00+0100 4h"],
        id="cut whole",
    ),
    pytest.param(
        BERLIN,
        FRIDAY
        | {
            "exclusions": [
                freeze("2026-12-18T22:30", "2026-12-19T00:30"),
                freeze("2026-12-18T23:00", "2026-12-19T01:00"),
            ]
        },
        "2026-12-12T12:00",
        ["Fri 2026-12-18T22:00:00+0100 30m", "Sat 2026-12-19T01:00:00+0100 1h"],
        id="exclusions that overlap",
    ),
    pytest.param(
        BERLIN,
        FRIDAY | {"exclusions": [freeze("2026-12-18T23:00", "2026-12-18T23:30", "minor")]},
        "2026-12-12T12:00",
        ["Fri 2026-12-18T22:00:00+0100 4h"],
        id="one of another scope cuts nothing",
    ),
    pytest.param(
        BERLIN,
        FRIDAY | {"exclusions": [freeze("2020-01-01", "2099-12-31")]},
        "2026-12-12T12:00",
        [None],
        id="a freeze for good",
    ),
    pytest.param(
        BERLIN,
        FRIDAY | {"exclusions": [freeze("2020-01-01", "2029-12-31")]},
        "2026-12-12T12:00",
        ["Fri 2030-01-04T22:00:00+0100 4h"],
        id="a freeze for years",
    ),
    pytest.param(
        BERLIN,
        {"recurring": [days("sat", "22:00", "8h")], "exclusions": [freeze("2026-10-25T02:30", "2026-10-25T02:45")]},
        "2026-10-24T12:00",
        ["Sat 2026-10-24T22:00:00+0200 4h30m", "Sun 2026-10-25T02:45:00+0100 2h15m"],
        id="a freeze in an hour that is there twice is in both",
    ),
    pytest.param(
        BERLIN,
        {"recurring": [days("sat", "22:00", "8h")], "exclusions": [freeze("2026-03-29T02:15", "2026-03-29T02:45")]},
        "2026-03-28T12:00",
        ["Sat 2026-03-28T22:00:00+0100 8h"],
        id="a freeze in an hour that is not there cuts nothing",
    ),
    pytest.param(
        BERLIN,
        {"exclusions": [freeze("2026-12-20", "2027-01-03")]},
        "2027-01-04T00:00",
        [None],
        id="without windows, after the last exclusion: no end",
    ),
]


@pytest.mark.parametrize(("timezone", "said", "after", "expected"), OPENINGS)
def test_openings(timezone, said, after, expected):
    """None stands for no opening, and for one that has no end."""
    of = calendar(timezone, **said)
    found = [shown(one, of) for one in islice(of.openings(at(after, of)), len(expected)) if one.end != NEVER_ENDS]
    assert found == [one for one in expected if one]
    assert all(one.end == NEVER_ENDS for one in list(islice(of.openings(at(after, of)), len(expected)))[len(found) :])


MOMENTS = [
    pytest.param(FRIDAY, "2026-11-28T01:00", True, id="Friday's night, on Saturday at one"),
    pytest.param(FRIDAY, "2026-11-27T01:00", False, id="not Thursday's night, on Friday at one"),
    pytest.param(FRIDAY, "2026-11-27T22:00", True, id="as it opens"),
    pytest.param(FRIDAY, "2026-11-27T21:59:59", False, id="a second before"),
    pytest.param(FRIDAY, "2026-11-28T01:59:59", True, id="a second before it closes"),
    pytest.param(FRIDAY, "2026-11-28T02:00", False, id="as it closes"),
    pytest.param(FRIDAY, "2026-11-28T22:00", False, id="not on Saturday's night"),
    pytest.param(WEEK_END, "2026-11-30T01:00", True, id="Sunday's night, on Monday at one"),
    pytest.param(WEEK_END, "2026-11-28T01:00", False, id="not on Saturday at one"),
    pytest.param(WEEK_END, "2026-11-29T01:00", True, id="on Sunday at one"),
]


@pytest.mark.parametrize(("said", "moment", "is_open"), MOMENTS)
def test_a_window_belongs_to_the_day_on_which_it_opens(said, moment, is_open):
    of = calendar(BERLIN, **said)
    found = of.opening_at(at(moment, of))
    assert (found is not None) == is_open
    assert found is None or at(moment, of) in found


SCOPES = [
    pytest.param("all", Work(), False, id="all: whatever"),
    pytest.param("all", Work(changes_minor=True, drains=True), False, id="all: everything"),
    pytest.param("minor", Work(), True, id="minor: what changes none"),
    pytest.param("minor", Work(drains=True), True, id="minor: a drain for a patch"),
    pytest.param("minor", Work(changes_minor=True), False, id="minor: a control plane's hop"),
    pytest.param("minor", Work(changes_minor=True, drains=True), False, id="minor: a worker's move"),
    pytest.param("nodes", Work(), True, id="nodes: what drains nothing"),
    pytest.param("nodes", Work(changes_minor=True), True, id="nodes: kubeadm upgrade apply"),
    pytest.param("nodes", Work(drains=True), False, id="nodes: a drain"),
]


@pytest.mark.parametrize(("scope", "work", "is_open"), SCOPES)
def test_what_an_exclusion_forbids(scope, work, is_open):
    """In windows, and where there are none."""
    exclusions = [freeze("2026-11-27T23:00", "2026-11-28T00:00", scope)]
    for of in (calendar(BERLIN, **FRIDAY, exclusions=exclusions), calendar(BERLIN, exclusions=exclusions)):
        assert (of.opening_at(at("2026-11-27T23:30", of), work) is not None) == is_open
        assert of.opening_at(at("2026-11-27T22:30", of), work) is not None
        assert of.opening_at(at("2026-11-28T00:00", of), work) is not None


def test_without_windows_it_is_open_at_any_time():
    """Also where exclusions are past."""
    now = datetime(2026, 11, 28, 1, tzinfo=UTC)
    assert ALWAYS.is_always
    assert ALWAYS.opening_at(now) == Opening(ALWAYS_WAS, NEVER_ENDS)
    assert list(ALWAYS.openings(now)) == [Opening(ALWAYS_WAS, NEVER_ENDS)]
    assert not calendar(**FRIDAY).is_always


def test_but_for_exclusions():
    """A day counts from its first moment to its last, by the zone's clocks."""
    of = calendar(BERLIN, exclusions=[freeze("2026-12-20", "2027-01-03")])
    first, second = of.openings(at("2026-11-28T00:00", of))
    assert first == Opening(ALWAYS_WAS, at("2026-12-20T00:00", of))
    assert second == Opening(at("2027-01-04T00:00", of), NEVER_ENDS)
    assert of.opening_at(at("2027-01-03T23:59:59", of)) is None


def test_which_exclusion_it_is():
    """Of several the one that is waited for, and none that forbids something else."""
    of = calendar(exclusions=[freeze("2026-12-20", "2026-12-23"), freeze("2026-12-22", "2026-12-27", "nodes")])
    now = at("2026-12-22T12:00", of)
    assert of.excluded_by(now) == of.exclusions[0]
    assert of.excluded_by(now, Work(drains=True)) == of.exclusions[1]
    assert of.excluded_by(at("2026-12-28T00:00", of), Work(drains=True)) is None


def test_windows_that_are_all_over_are_no_windows_of_any_time():
    of = calendar(once=[once("2026-12-05T22:00", "6h")])
    assert not of.is_always
    assert of.opening_at(datetime(2027, 1, 1, tzinfo=UTC)) is None


def test_what_is_left_of_an_opening():
    of = calendar(**FRIDAY)
    opening = of.opening_at(at("2026-11-28T01:00", of))
    assert opening is not None
    assert opening.left(at("2026-11-28T01:00", of)) == timedelta(hours=1)
    assert opening.lasts == timedelta(hours=4)


def test_a_moment_of_any_zone_is_taken():
    of = calendar(BERLIN, **FRIDAY)
    assert of.opening_at(datetime.fromisoformat("2026-11-27T19:00-05:00")) is not None


def test_a_hundred_years_come_one_after_the_other():
    """Nothing of what comes again ends by itself, and a far one needs no more than a near one."""
    of = calendar(BERLIN, recurring=[cron("0 22 * * 5", "4h")])
    found = list(islice(of.openings(at("2026-11-28T12:00", of)), 5220))
    assert found[-1].start.year == 2126
    assert all(one.end < two.start for one, two in pairwise(found))


@pytest.mark.parametrize(
    "said",
    [
        pytest.param({"recurring": [cron("* * * * *", "1m")]}, id="every minute"),
        pytest.param({"recurring": [cron("* * * * 1-7", "1m")]}, id="every minute of each day of the week"),
        pytest.param({"recurring": [cron("*/2 * * * *", "1m")], "exclusions": [freeze("2001-01-01", "2999-01-01")]}),
        pytest.param({"recurring": [days(WEEK, f"0{hour}:00", "31d") for hour in range(4)]}, id="a month on each day"),
        pytest.param({"recurring": [cron("0 0 29 2 *", "1h")]}, id="leap days"),
    ],
)
def test_an_answer_comes_soon(said):
    """However absurd the windows: who asks has an event loop to himself. And the second comes at once."""
    began = time.process_time()
    of = calendar(BERLIN, **said)
    now = datetime(2026, 11, 28, 1, tzinfo=UTC)
    for _ in range(100):
        of.opening_at(now)
    next(of.openings(now), None)
    assert time.process_time() - began < 5
