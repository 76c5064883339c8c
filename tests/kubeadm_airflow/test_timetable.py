"""One run for each opening of a cluster's calendar, whenever Airflow asks, and also after it was away."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from itertools import takewhile

import pytest
from airflow.serialization.decoders import decode_timetable
from airflow.serialization.encoders import encode_timetable
from airflow.serialization.serialized_objects import DagSerialization
from airflow.timetables.base import DataInterval, TimeRestriction
from airflow.utils.types import DagRunType
from hypothesis import given, settings
from hypothesis import strategies as st

from kubeadm_airflow.timetable import BEGINS, LONGEST, WindowTimetable
from kubeadm_upgrade.inventory import Cluster
from kubeadm_upgrade.version import TargetVersion
from kubeadm_upgrade.windows.calendar import (
    ByCron,
    Calendar,
    Exclusion,
    Once,
    OnDays,
    Scope,
    WhenOver,
)
from upgrade_dags.cluster import build_cluster_dag

RESTRICTION = TimeRestriction(earliest=BEGINS, latest=None, catchup=False)
HOUR = timedelta(hours=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


NIGHTS = OnDays(("sat", "sun"), time(22), 4 * HOUR)
WEEKEND = Calendar("Europe/Berlin", (NIGHTS,), opens_runs=True)  # 21:00 to 01:00 UTC in winter
FREEZE = Exclusion(at("2026-12-05"), at("2026-12-06T12:00"), Scope.ALL, "year end")


def started(
    calendar: Calendar, now: str, last: str | None = None, **restriction: object
) -> tuple[datetime, ...] | None:
    """When the next run begins, and the opening that it is for."""
    found = WindowTimetable(calendar).next_run(at(now), at(last) if last else None, RESTRICTION._replace(**restriction))
    return (found.run_after, *found.data_interval) if found else None


@pytest.mark.parametrize(
    ("calendar", "now", "last", "expected"),
    [
        pytest.param(WEEKEND, "2026-12-02", None, "2026-12-05T21:00", id="before the first"),
        pytest.param(WEEKEND, "2026-12-05T21:00", None, "2026-12-05T21:00", id="at its very start"),
        pytest.param(WEEKEND, "2026-12-05T23:30", None, "2026-12-05T21:00", id="in the middle, and it has had none"),
        pytest.param(
            WEEKEND, "2026-12-06T00:30", None, "2026-12-05T21:00", id="after midnight, of the day it opened on"
        ),
        pytest.param(WEEKEND, "2026-12-06T01:00", None, "2026-12-06T21:00", id="at its end, which is outside"),
        pytest.param(WEEKEND, "2026-12-05T23:30", "2026-12-05T21:00", "2026-12-06T21:00", id="and it has had one"),
        pytest.param(WEEKEND, "2026-12-05T20:00", "2026-12-05T21:00", "2026-12-06T21:00", id="it was opened before"),
        pytest.param(WEEKEND, "2026-12-09", "2026-11-28T21:00", "2026-12-12T21:00", id="those missed are over"),
        pytest.param(WEEKEND, "2026-12-05T23:30", "2026-11-28T21:00", "2026-12-05T21:00", id="back inside of one"),
        pytest.param(
            replace(WEEKEND, exclusions=(FREEZE,)), "2026-12-02", None, "2026-12-06T21:00", id="a freeze takes one"
        ),
        pytest.param(
            replace(WEEKEND, exclusions=(replace(FREEZE, start=at("2026-12-05T23:00")),)),
            "2026-12-02",
            None,
            "2026-12-05T21:00 for 2",
            id="a freeze cuts one short",
        ),
        pytest.param(
            replace(WEEKEND, exclusions=(replace(FREEZE, end=at("2026-12-05T23:00")),)),
            "2026-12-02",
            None,
            "2026-12-05T23:00 for 2",
            id="a freeze takes its beginning",
        ),
        pytest.param(
            replace(WEEKEND, exclusions=(replace(FREEZE, scope=Scope.MINOR), replace(FREEZE, scope=Scope.NODES))),
            "2026-12-02",
            None,
            "2026-12-05T21:00",
            id="what is only for some work closes nothing",
        ),
        pytest.param(
            replace(WEEKEND, once=(Once(at("2026-12-06T01:00"), 2 * HOUR),)),
            "2026-12-06T02:00",
            "2026-12-05T21:00",
            "2026-12-06T21:00",
            id="two that touch are one, and it has had its run",
        ),
        pytest.param(
            replace(WEEKEND, once=(Once(at("2026-12-05T19:00"), 3 * HOUR),)),
            "2026-12-05T22:00",
            "2026-12-05T21:00",
            "2026-12-06T21:00",
            id="made longer to the front while it was open",
        ),
        pytest.param(WEEKEND, "2026-03-28T12:00", None, "2026-03-28T21:00", id="the night before clocks go forward"),
        pytest.param(WEEKEND, "2026-03-29T12:00", None, "2026-03-29T20:00", id="and the night after"),
        pytest.param(Calendar(once=(Once(at("2026-12-01"), HOUR),)), "2026-12-02", None, None, id="there is none left"),
    ],
)
def test_the_next_run_is_the_first_opening_that_has_had_none(calendar, now, last, expected):
    """For as long as the opening lasts, which is 4 hours here unless it is said."""
    if expected is None:
        assert started(calendar, now, last) is None
        return
    begins, _, hours = expected.partition(" for ")
    start = at(begins)
    assert started(calendar, now, last) == (start, start, start + int(hours or 4) * HOUR)


def test_a_run_begins_so_long_before_its_window_as_the_file_says():
    """For plan, approval and staging; its interval is still the window, which it is named by."""
    early = WindowTimetable(replace(WEEKEND, opens_before=6 * HOUR))
    info = early.next_run(at("2026-12-05T16:00"), None, RESTRICTION)
    assert (info.run_after, info.data_interval.start) == (at("2026-12-05T15:00"), at("2026-12-05T21:00"))
    named = {"run_after": info.run_after, "data_interval": info.data_interval}
    assert early.generate_run_id(run_type=DagRunType.SCHEDULED, **named) == "scheduled__2026-12-05T21:00:00+00:00"
    by_hand = {"run_after": info.run_after, "data_interval": None}
    assert early.generate_run_id(run_type=DagRunType.MANUAL, **by_hand) == "manual__2026-12-05T15:00:00+00:00"


def test_what_never_closes_opens_one_run():
    """From the DAG's first day on, and until a day that databases and zones can hold."""
    every_day = OnDays(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), time(), 24 * HOUR)
    calendar = Calendar("Pacific/Kiritimati", (every_day,))
    assert started(calendar, "2026-12-02") == (BEGINS, BEGINS, BEGINS + LONGEST)
    assert started(calendar, "2026-12-02", BEGINS.replace(tzinfo=None).isoformat()) is None


def test_what_is_later_than_the_dag_lasts_is_not_opened():
    assert started(WEEKEND, "2026-12-02", latest=at("2026-12-05T20:00")) is None
    assert started(WEEKEND, "2026-12-02", latest=at("2026-12-05T21:00")) is not None


class Airflow:
    """What Airflow 3.3 does with a timetable: it writes down the next run when it reads the DAG file, and when it opens
    one; and it opens what it has written down, whatever the time is by then."""

    def __init__(self, timetable: WindowTimetable) -> None:
        self.timetable = timetable
        self.runs: list[tuple[datetime, DataInterval]] = []  # when it was opened, and what for
        self.next = None

    def read(self, now: datetime) -> None:
        last = max((interval.start for _, interval in self.runs), default=None)
        self.next = self.timetable.next_run(now, last, RESTRICTION)

    def open(self, now: datetime) -> None:
        while self.next is not None and self.next.run_after <= now:
            self.runs.append((now, self.next.data_interval))
            self.next = self.timetable.next_run(now, self.next.data_interval.start, RESTRICTION)


MOMENTS = st.integers(0, 6 * 7 * 24 * 60).map(lambda minute: at("2026-10-12") + timedelta(minutes=minute))
SPANS = st.integers(1, 40).map(lambda quarters: timedelta(minutes=15 * quarters))
DAYS = st.lists(st.sampled_from(("mon", "tue", "wed", "thu", "fri", "sat", "sun")), min_size=1, unique=True).map(tuple)
CALENDARS = st.builds(
    Calendar,
    st.sampled_from(("UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe")),
    st.lists(st.builds(OnDays, DAYS, st.times().map(lambda t: t.replace(microsecond=0)), SPANS), max_size=2).map(tuple),
    st.lists(st.builds(Once, MOMENTS, SPANS), min_size=1, max_size=3).map(tuple),
    st.lists(st.builds(Exclusion, MOMENTS, MOMENTS, st.sampled_from(Scope)), max_size=2).map(
        lambda some: tuple(one for one in some if one.start < one.end)
    ),
    st.just(True),
    st.sampled_from((timedelta(), timedelta(minutes=30), 6 * HOUR)),
)


@given(
    calendar=CALENDARS,
    looks=st.lists(st.tuples(MOMENTS, st.sampled_from(("reads", "opens", "both"))), min_size=1, max_size=40),
)
@settings(max_examples=200)
def test_every_opening_gets_one_run_whatever_the_moments_at_which_airflow_looks(calendar, looks):
    """One that Airflow has seen gets exactly one; one that it has slept through none, or one that comes too late."""
    airflow = Airflow(WindowTimetable(calendar))
    seen: list[datetime] = []
    for now, what in sorted(looks):
        if what != "opens":
            airflow.read(now)
        if what != "reads":
            airflow.open(now)
            seen += [now] if what == "both" else []
    openings = list(takewhile(lambda one: one.start < at("2027-01-01"), calendar.openings(at("2026-10-01"))))
    starts = [interval.start for _, interval in airflow.runs]
    assert len(starts) == len(set(starts)) == len({*starts} & {one.start for one in openings})
    for opening in openings:
        if any(now in opening for now in seen):
            assert opening.start in starts
    for opened, interval in airflow.runs:
        assert opened >= interval.start - calendar.opens_before
    late = [opened for opened, interval in airflow.runs if opened >= interval.end]
    assert len(late) == len(set(late))  # of all that it has slept through, the one that it had written down


WHOLE = Calendar(
    "Europe/Berlin",
    (NIGHTS, ByCron("0 22 * * 1-5", 3 * HOUR)),
    (Once(at("2026-12-08T21:00"), timedelta(seconds=90)),),
    (FREEZE, replace(FREEZE, scope=Scope.MINOR)),
    opens_runs=True,
    opens_before=timedelta(minutes=45),
    when_over=WhenOver.STOP,
)


@pytest.mark.usefixtures("plugin")
@pytest.mark.parametrize("calendar", [WEEKEND, WHOLE, Calendar()], ids=["weekend", "all there is", "nothing"])
def test_it_survives_airflows_serializer(calendar):
    """And is the same text at every parse, or each would make a version of the DAG."""
    written = json.dumps(encode_timetable(WindowTimetable(calendar)), sort_keys=True)
    read = decode_timetable(json.loads(written))
    assert read == WindowTimetable(calendar)
    assert hash(read) == hash(WindowTimetable(calendar))
    assert json.dumps(encode_timetable(read), sort_keys=True) == written
    assert read.calendar == calendar


@given(calendar=CALENDARS)
@settings(max_examples=100)
def test_any_calendar_survives_it(calendar):
    written = json.dumps(WindowTimetable(calendar).serialize())
    assert WindowTimetable.deserialize(json.loads(written)).calendar == calendar


@pytest.mark.usefixtures("plugin")
def test_airflow_reads_and_writes_the_dag_with_it():
    """As the DAG processor does: what is written is the same at every parse, and read back has the next run."""
    cluster = Cluster("prod", "k", "s", TargetVersion.parse("1.29"), calendar=WHOLE)
    first, second = (json.dumps(DagSerialization.to_dict(build_cluster_dag(cluster)), sort_keys=True) for _ in range(2))
    assert first == second
    dag = DagSerialization.from_dict(json.loads(first))
    assert dag.timetable.calendar == WHOLE
    assert dag.next_dagrun_info(last_automated_run_info=None).data_interval.start > datetime.now(UTC) - 31 * 24 * HOUR
    assert dag.catchup is False


@pytest.mark.usefixtures("plugin")
def test_what_airflow_shows_of_it_fits_into_its_database():
    """The summary says the windows, and the description those that come next, by the clocks of their zone."""
    many = replace(WHOLE, recurring=tuple(ByCron(f"{n} 22 * * 1-5", HOUR) for n in range(60)))
    for calendar in (WEEKEND, WHOLE, many, Calendar(once=WHOLE.once)):
        timetable = WindowTimetable(calendar)
        assert timetable.summary
        assert len(timetable.description) <= 1000
    assert "22:00" in WindowTimetable(WEEKEND).description
