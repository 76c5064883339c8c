"""What a cluster's file says of windows: each kind of mistake gets one sentence, and the rest makes a calendar."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import jsonschema
import pytest
import yaml

from kubeadm_upgrade.inventory import InventoryError, json_schema, load_cluster
from kubeadm_upgrade.windows.calendar import ALWAYS, ByCron, Calendar, Exclusion, Once, OnDays, Scope, WhenOver

PAGE = Path(__file__).parents[2] / "docs" / "windows.md"
REST = "name: prod\nkubernetes_conn_id: k\nssh_conn_id: s\ntarget_version: '1.29'\n"
DURATION = "must be a duration such as 90m, 4h, 1h30m, 45s or 2d"
MOMENT = 'must be a date and a time, as "2026-12-05T22:00"'
DAY_OR_MOMENT = 'must be a date, as "2026-12-20", or a date and a time'
FREE_TIME = 'must be a time in quotes, as "22:00"'


@pytest.fixture
def load(tmp_path):
    """Load a cluster's file with these windows, as YAML in one line."""

    def load(windows):
        path = tmp_path / "prod.yaml"
        path.write_text(f"{REST}windows: {windows}\n")
        return load_cluster(path)

    return load


def on_days(days="[sat]", start='"22:00"', duration="4h"):
    return f"{{recurring: [{{days: {days}, start: {start}, duration: {duration}}}]}}"


def by_cron(cron, duration="4h"):
    return f"{{recurring: [{{cron: {cron}, duration: {duration}}}]}}"


def once(start, duration="4h"):
    return f"{{once: [{{start: {start}, duration: {duration}}}]}}"


def freeze(begins, ends, more=""):
    return f"{{exclusions: [{{from: {begins}, to: {ends}{more}}}]}}"


@pytest.mark.parametrize(
    ("windows", "where", "problem"),
    [
        pytest.param("sat", "", "must be a mapping, keys and values, not 'sat'", id="no mapping"),
        pytest.param("{timezone: Mars/Phobos}", ".timezone", "must be UTC, or a time zone", id="unknown zone"),
        pytest.param("{timezone: CEST}", ".timezone", "must be UTC, or a time zone", id="a zone's short name"),
        pytest.param("{recuring: []}", ".recuring", "unknown key: check its spelling", id="unknown key"),
        pytest.param("{recurring: {}}", ".recurring", "must be a list, not {}", id="no list"),
        pytest.param("{recurring: [sat]}", ".recurring.0", "must be a mapping", id="no windows in the list"),
        # recurring
        pytest.param("{recurring: [{duration: 4h}]}", ".recurring.0", "needs days and start, or cron", id="neither"),
        pytest.param(
            "{recurring: [{days: [sat], duration: 4h}]}", ".recurring.0", "needs days and start, or cron", id="no start"
        ),
        pytest.param(
            '{recurring: [{days: [sat], cron: "0 22 * * 6", duration: 4h}]}',
            ".recurring.0",
            "has both cron and days with a start: keep one of them",
            id="both days and cron",
        ),
        pytest.param(
            '{recurring: [{start: "22:00", cron: "0 22 * * 6", duration: 4h}]}',
            ".recurring.0",
            "has both cron and days with a start: keep one of them",
            id="both start and cron",
        ),
        pytest.param('{recurring: [{cron: "0 22 * * 6"}]}', ".recurring.0.duration", "is missing", id="no duration"),
        pytest.param(on_days(days="sat"), ".recurring.0.days", "must be a list, not 'sat'", id="days not in a list"),
        pytest.param(on_days(days="[sut]"), ".recurring.0.days.0", "must be 'mon', 'tue'", id="no day"),
        pytest.param(on_days(days="[Saturday]"), ".recurring.0.days.0", "must be 'mon'", id="a long day"),
        pytest.param(on_days(days="[]"), ".recurring.0.days", "must not be empty", id="no days"),
        pytest.param(on_days(days="[sat, sun, sat]"), ".recurring.0.days", "sat is there twice", id="a day twice"),
        pytest.param(on_days(start="22:00"), ".recurring.0.start", FREE_TIME, id="YAML makes a number of a time"),
        pytest.param(on_days(start='"24:00"'), ".recurring.0.start", FREE_TIME, id="no time of a day"),
        pytest.param(on_days(start='"8:00"'), ".recurring.0.start", FREE_TIME, id="one digit"),
        pytest.param(on_days(start='"10pm"'), ".recurring.0.start", FREE_TIME, id="not of 24 hours"),
        pytest.param(on_days(start='"22:00+01:00"'), ".recurring.0.start", FREE_TIME, id="a time with an offset"),
        pytest.param(on_days(duration="4"), ".recurring.0.duration", DURATION, id="a number"),
        pytest.param(on_days(duration="4 hours"), ".recurring.0.duration", DURATION, id="in words"),
        pytest.param(on_days(duration="4:00"), ".recurring.0.duration", DURATION, id="as a clock shows it"),
        pytest.param(on_days(duration="-4h"), ".recurring.0.duration", DURATION, id="negative"),
        pytest.param(on_days(duration="0m"), ".recurring.0.duration", "must be longer than nothing", id="zero"),
        pytest.param(on_days(duration="32d"), ".recurring.0.duration", "must not be longer than 31d", id="too long"),
        pytest.param(by_cron("nightly"), ".recurring.0.cron", "must be a cron expression", id="no cron"),
        pytest.param(by_cron('"0 22 * *"'), ".recurring.0.cron", "must be a cron expression", id="four fields"),
        pytest.param(by_cron('"0 0 22 * * 6"'), ".recurring.0.cron", "must be a cron expression", id="six fields"),
        pytest.param(by_cron('"@daily"'), ".recurring.0.cron", "must be a cron expression", id="a nickname"),
        pytest.param(by_cron('"0 25 * * *"'), ".recurring.0.cron", "must be a cron expression", id="hour 25"),
        pytest.param(
            by_cron('"0 0 30 2 *"'), ".recurring.0.cron", "must be a cron expression that comes to pass", id="never"
        ),
        pytest.param(by_cron('"R 22 * * *"'), ".recurring.0.cron", "must not leave anything to chance", id="by chance"),
        pytest.param(by_cron('"R(0-9) 22 * * *"'), ".recurring.0.cron", "must not leave anything", id="some chance"),
        pytest.param(by_cron('"0 22,r * * *"'), ".recurring.0.cron", "must ", id="chance in a list"),
        pytest.param(by_cron('"H 22 * * *"'), ".recurring.0.cron", "must be a cron expression", id="hashed"),
        # once
        pytest.param(once('"2026-12-05"'), ".once.0.start", MOMENT, id="a date without a time"),
        pytest.param(once("2026-12-05"), ".once.0.start", MOMENT, id="the same, of YAML"),
        pytest.param(once('"22:00"'), ".once.0.start", MOMENT, id="a time without a date"),
        pytest.param(
            once('"2026-02-30T22:00"'), ".once.0.start", "day is out of range for month", id="no day of February"
        ),
        pytest.param(once('"1926-12-05T22:00"'), ".once.0.start", MOMENT, id="another century"),
        pytest.param(once("1926-12-05 22:00:00"), ".once.0.start", MOMENT, id="another century, of YAML"),
        pytest.param(once("9999-12-31 22:00:00"), ".once.0.start", MOMENT, id="the last day of Python's years"),
        pytest.param(once('"2026-12-05T22:00 Europe/Berlin"'), ".once.0.start", MOMENT, id="a zone's name"),
        pytest.param(
            once('"2026-12-05T22:00"', "367d"), ".once.0.duration", "must not be longer than 366d", id="years"
        ),
        pytest.param(
            '{once: [{start: "2026-12-05T22:00", duration: 1h, end: y}]}', ".once.0.end", "unknown key", id="an end"
        ),
        # exclusions
        pytest.param(freeze("2026-12-20", "2026-12-19"), ".exclusions.0", "ends before it begins", id="to before from"),
        pytest.param(
            freeze('"2026-12-20T10:00"', '"2026-12-20T10:00"'), ".exclusions.0", "ends before it begins", id="no time"
        ),
        pytest.param(
            freeze('"2026-12-20T10:00Z"', "2026-12-21"),
            ".exclusions.0",
            "from and to: give both an offset, or none of them",
            id="an offset of one",
        ),
        pytest.param(freeze("soon", "2026-12-21"), ".exclusions.0.from", DAY_OR_MOMENT, id="no date"),
        pytest.param(
            freeze("2026-12-20", '"2026-12-32"'),
            ".exclusions.0.to",
            "day is out of range for month",
            id="no day of December",
        ),
        pytest.param(freeze("2026-12-20", "9999-12-31"), ".exclusions.0.to", DAY_OR_MOMENT, id="for ever"),
        pytest.param(freeze("2026-12-20", "20270103"), ".exclusions.0.to", DAY_OR_MOMENT, id="a date without dashes"),
        pytest.param("{exclusions: [{from: 2026-12-20}]}", ".exclusions.0.to", "is missing", id="no end"),
        pytest.param(
            freeze("2026-12-20", "2026-12-21", ", scope: workers"),
            ".exclusions.0.scope",
            "must be 'all', 'minor' or 'nodes' (is 'workers')",
            id="unknown scope",
        ),
        # the rest
        pytest.param("{open_runs: 1h}", ".open_runs", "must be true or false, not '1h'", id="no yes or no"),
        pytest.param("{open_before: 15}", ".open_before", DURATION, id="minutes, not said"),
        pytest.param("{open_before: 60d}", ".open_before", "must not be longer than 31d", id="months before"),
        pytest.param("{when_over: pause}", ".when_over", "must be 'wait' or 'stop'", id="no such end"),
    ],
)
def test_a_mistake_gets_a_sentence(load, windows, where, problem):
    with pytest.raises(InventoryError) as caught:
        load(windows)
    (sentence,) = caught.value.problems
    assert sentence.startswith(f"prod.yaml: windows{where}: {problem}"), sentence


def test_all_that_can_be_said(load):
    """As docs/windows.md has it; YAML's own dates are taken as well."""
    said = """{timezone: Europe/Berlin,
      recurring: [{days: [sun, sat], start: "22:00", duration: 4h}, {cron: 0  22 * * 1-5, duration: 1h30m}],
      once: [{start: "2026-12-05T22:00", duration: 6h}, {start: 2026-12-06 22:00:00, duration: 45s},
        {start: 2026-12-07T22:00:00Z, duration: 2d}],
      exclusions: [{from: "2026-12-20", to: "2027-01-03", scope: all, reason: year end},
        {from: 2026-07-01, to: 2026-07-01, scope: minor},
        {from: "2026-07-02T10:00", to: "2026-07-02T12:00:30", scope: nodes},
        {from: "2026-07-03T10:00+00:00", to: "2026-07-03T10:00-01:00"}],
      open_runs: false, open_before: 15m, when_over: stop}"""

    def utc(*of: int) -> datetime:
        return datetime(*of, tzinfo=UTC)

    expected = Calendar(
        "Europe/Berlin",
        (
            OnDays(("sat", "sun"), time(22), timedelta(hours=4)),
            ByCron("0 22 * * 1-5", timedelta(hours=1, minutes=30)),
        ),
        (
            Once(utc(2026, 12, 5, 21), timedelta(hours=6)),
            Once(utc(2026, 12, 6, 21), timedelta(seconds=45)),
            Once(utc(2026, 12, 7, 22), timedelta(days=2)),
        ),
        (
            Exclusion(utc(2026, 12, 19, 23), utc(2027, 1, 3, 23), Scope.ALL, "year end"),
            Exclusion(utc(2026, 6, 30, 22), utc(2026, 7, 1, 22), Scope.MINOR),
            Exclusion(utc(2026, 7, 2, 8), utc(2026, 7, 2, 10, 0, 30), Scope.NODES),
            Exclusion(utc(2026, 7, 3, 10), utc(2026, 7, 3, 11)),
        ),
        False,
        timedelta(minutes=15),
        WhenOver.STOP,
    )
    cluster = load(said)
    assert cluster.calendar == expected
    assert cluster.rollout.calendar == expected
    plain = yaml.load(said, yaml.BaseLoader)  # an editor takes what YAML makes a date of for text, as JSON has no dates
    plain["open_runs"], plain["once"] = False, plain["once"][:1]
    jsonschema.validate(yaml.safe_load(REST) | {"windows": plain}, json_schema())


@pytest.mark.parametrize("windows", ["{}", "{timezone: UTC}"])
def test_without_windows_it_is_always(load, windows):
    assert load(windows).calendar == ALWAYS


def test_exclusions_need_no_windows_and_open_no_runs(load):
    calendar = load(freeze("2026-12-20", "2026-12-21")).calendar
    assert calendar.is_always
    assert not calendar.opens_runs
    assert load(on_days()).calendar.opens_runs


@pytest.mark.parametrize("block", PAGE.read_text().split("```yaml\n")[1:])
def test_what_the_page_shows_is_taken(tmp_path, block):
    """docs/windows.md, also by editors."""
    said = yaml.safe_load(block.partition("```")[0])
    path = tmp_path / "prod.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(REST) | said))
    assert not load_cluster(path).calendar.is_always
    jsonschema.validate(yaml.safe_load(REST) | said, json_schema())


def test_cron_is_not_imported_for_a_file_without_it(load):
    """Its import takes longer than a fleet's files."""
    code = (
        "import sys; from kubeadm_upgrade.windows_file import WindowsSettings as W; "
        "c = W.model_validate({'recurring': [{'days': ['sat'], 'start': '22:00', 'duration': '4h'}]}).calendar; "
        "from datetime import datetime, UTC; c.opening_at(datetime(2026, 12, 5, tzinfo=UTC)); "
        "print('croniter' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
