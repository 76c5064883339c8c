"""What other tools' users have met in windows and schedules, each with the input that it was met with."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from kubeadm_upgrade.windows_file import WindowsSettings


def days(names, start, duration):
    return {"days": names.split(), "start": start, "duration": duration}


WEEK = "mon tue wed thu fri sat sun"
FRIDAY = [days("fri", "22:00", "4h")]

CASES = [
    # A day of the week and a wrapped time, each tested by itself: rancher/system-upgrade-controller#335 takes kured's
    # pkg/timewindow, whose Contains asks whether today is one of the days and then only compares times of day.
    pytest.param("UTC", FRIDAY, ["2026-11-28T01:00"], ["2026-11-27T01:00"], id="kured: Friday 22:00 to 02:00"),
    pytest.param(
        "Europe/Berlin",
        [days("sun", "23:00", "3h")],
        ["2026-11-30T00:30"],
        ["2026-11-29T00:30", "2026-11-30T23:30"],
        id="kured: Sunday night, into another week",
    ),
    # googlecloudrobotics/core#575: more than a day, on two days that follow each other, is open until Monday. So it is
    # here, since somebody has said both; on Saturday alone it ends on Sunday.
    pytest.param(
        "UTC",
        [days("sat", "05:00", "1d14h")],
        ["2025-10-18T05:00", "2025-10-19T18:59:59"],
        ["2025-10-19T19:00", "2025-10-20T06:49:03"],
        id="robotics: a window of more than a day is of one day",
    ),
    pytest.param(
        "UTC", [days("sat sun", "05:00", "1d14h")], ["2025-10-20T06:49:03"], ["2025-10-20T19:00"], id="robotics: on two"
    ),
    # SUSE/rebootmgr#10: rebooted at 06:59:59
    pytest.param(
        "Europe/Berlin",
        [days(WEEK, "07:00", "90m")],
        ["2022-10-26T07:00:00", "2022-10-26T08:29:59"],
        ["2022-10-26T06:59:59", "2022-10-26T08:30:00"],
        id="rebootmgr: not a second before",
    ),
    # SigNoz/signoz#7494: days and months that end within a window
    pytest.param(
        "Europe/Berlin",
        [{"cron": "0 22 31 * *", "duration": "4h"}],
        ["2026-08-31T23:00", "2026-09-01T01:59"],
        ["2026-09-01T22:30", "2026-09-30T23:00", "2026-10-01T01:00"],
        id="signoz: monthly, over the month's end",
    ),
    pytest.param(
        "UTC",
        [days(WEEK, "22:00", "4h")],
        ["2026-02-28T23:00", "2026-03-01T01:00"],
        ["2026-03-01T02:00"],
        id="signoz: daily",
    ),
    # bottlerocket-os/bottlerocket-update-operator#241 tests 23:55 to 0:10
    pytest.param(
        "UTC",
        [days(WEEK, "23:55", "15m")],
        ["2026-11-26T23:55", "2026-11-27T00:09:59"],
        ["2026-11-26T23:54:59", "2026-11-27T00:10", "2026-11-27T12:00"],
        id="bottlerocket: minutes about midnight",
    ),
    # argoproj/argo-cd#10425: inside one window, refused since it was outside another
    pytest.param(
        "UTC",
        [days("mon tue wed thu", "09:00", "8h"), days("fri", "09:00", "5h")],
        ["2026-11-26T16:00", "2026-11-27T13:00"],
        ["2026-11-27T14:00", "2026-11-28T10:00"],
        id="argo-cd: one of two windows is enough",
    ),
    # argoproj/argo-cd#17750
    pytest.param(
        "Europe/London",
        [{"cron": "0 9 * * *", "duration": "3h30m"}],
        ["2024-03-29T09:00", "2024-03-29T12:29", "2024-04-05T09:00", "2024-04-05T12:29"],
        ["2024-03-29T08:59", "2024-04-05T08:59", "2024-04-05T12:30"],
        id="argo-cd: the same hours before and after the clocks are turned",
    ),
    # rundeck/rundeck#6879, kelektiv/node-cron#563: left out as the clocks go forward, twice as they go back
    pytest.param(
        "America/New_York",
        [{"cron": "30 2 * * *", "duration": "20m"}],
        ["2021-03-14T03:00-04:00", "2021-03-14T03:19-04:00", "2021-03-15T02:30"],
        ["2021-03-14T01:59-05:00", "2021-03-14T03:20-04:00", "2021-03-14T03:30-04:00"],
        id="rundeck: 02:30 on the day that has none",
    ),
    pytest.param(
        "America/New_York",
        [{"cron": "30 1 * * *", "duration": "20m"}],
        ["2021-11-07T01:30-04:00", "2021-11-07T01:49-04:00"],
        ["2021-11-07T01:30-05:00", "2021-11-07T01:49-05:00"],
        id="node-cron: 01:30 on the day that has two",
    ),
    # vatesfr/xen-orchestra#4024: at one and again at three
    pytest.param(
        "America/New_York",
        [{"cron": "0 2 * * *", "duration": "30m"}],
        ["2019-03-10T03:00-04:00"],
        ["2019-03-10T01:00-05:00", "2019-03-10T01:30-05:00", "2019-03-10T03:30-04:00"],
        id="xen-orchestra: two sharp, as the clocks jump",
    ),
    # Hexagon/croner#132: days without midnight
    pytest.param(
        "America/Santiago",
        [{"cron": "0 0 * * *", "duration": "1h"}],
        ["2025-09-06T00:30", "2025-09-07T01:30", "2025-09-08T00:30"],
        ["2025-09-06T23:30", "2025-09-07T02:00"],
        id="croner: no day is left out where one has no midnight",
    ),
    # Steve-Mcl/node-red-contrib-cron-plus#108: what comes each hour is not there in the hour that clocks show twice.
    # So it is here: closed is the safe side, and docs/windows.md says it.
    pytest.param(
        "Europe/London",
        [{"cron": "0 * * * *", "duration": "1h"}],
        ["2025-10-26T01:30+01:00", "2025-10-26T02:00+00:00"],
        ["2025-10-26T01:30+00:00"],
        id="cron-plus: an hour twice",
    ),
    # uyuni-project/uyuni#8924: what is the third Tuesday?
    pytest.param(
        "Europe/Berlin",
        [{"cron": "0 20 * * tue#3", "duration": "2h"}],
        ["2024-06-18T21:00"],
        ["2024-06-11T21:00", "2024-06-25T21:00"],
        id="uyuni: the third Tuesday",
    ),
]


@pytest.mark.parametrize(("timezone", "recurring", "is_open", "is_closed"), CASES)
def test_where_others_failed(timezone, recurring, is_open, is_closed):
    of = WindowsSettings.model_validate({"timezone": timezone, "recurring": recurring}).calendar
    found = {text: of.opening_at(moment(text, of)) is not None for text in (*is_open, *is_closed)}
    assert found == dict.fromkeys(is_open, True) | dict.fromkeys(is_closed, False)


def test_an_exclusion_that_is_over_closes_nothing():
    """argoproj/argo-cd#5590: a deny window blocked when it was not in force; #21692: nor after it has ended."""
    exclusions = [{"from": "2021-02-24T13:02", "to": "2021-02-24T14:02"}]
    of = WindowsSettings.model_validate({"exclusions": exclusions}).calendar
    found = [of.opening_at(moment(f"2021-02-24T{at}", of)) is not None for at in ("13:01", "13:02", "14:01", "14:02")]
    assert found == [True, False, False, True]


def moment(text, of):
    """By the zone's clocks, unless it has an offset."""
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=at.tzinfo or of.zone).astimezone(UTC)
