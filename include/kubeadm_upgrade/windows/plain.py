"""A calendar as plain JSON and back, for whoever stores one: Airflow does with a DAG's timetable."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from typing import Any

from kubeadm_upgrade.windows.calendar import (
    ByCron,
    Calendar,
    Exclusion,
    Once,
    OnDays,
    Recurring,
    Scope,
    WhenOver,
)

Json = dict[str, Any]


def to_json(calendar: Calendar) -> Json:
    """All of it; durations in seconds, moments in UTC."""
    return {
        "timezone": calendar.timezone,
        "recurring": [_recurring(one) for one in calendar.recurring],
        "once": [{"start": one.start.isoformat(), "duration": _seconds(one.duration)} for one in calendar.once],
        "exclusions": [
            {
                "start": one.start.isoformat(),
                "end": one.end.isoformat(),
                "scope": one.scope.value,
                "reason": one.reason,
            }
            for one in calendar.exclusions
        ],
        "opens_runs": calendar.opens_runs,
        "opens_before": _seconds(calendar.opens_before),
        "when_over": calendar.when_over.value,
    }


def from_json(plain: Mapping[str, Any]) -> Calendar:
    """What to_json has made, by whatever release."""
    return Calendar(
        plain["timezone"],
        tuple(_recurring_of(one) for one in plain["recurring"]),
        tuple(Once(datetime.fromisoformat(one["start"]), _lasting(one["duration"])) for one in plain["once"]),
        tuple(
            Exclusion(
                datetime.fromisoformat(one["start"]),
                datetime.fromisoformat(one["end"]),
                Scope(one["scope"]),
                one["reason"],
            )
            for one in plain["exclusions"]
        ),
        plain["opens_runs"],
        _lasting(plain["opens_before"]),
        WhenOver(plain["when_over"]),
    )


def _recurring(one: Recurring) -> Json:
    duration = _seconds(one.duration)
    if isinstance(one, OnDays):
        return {"days": list(one.days), "start": one.start.isoformat(), "duration": duration}
    return {"cron": one.cron, "duration": duration}


def _recurring_of(plain: Mapping[str, Any]) -> Recurring:
    duration = _lasting(plain["duration"])
    if "cron" in plain:
        return ByCron(plain["cron"], duration)
    return OnDays(tuple(plain["days"]), time.fromisoformat(plain["start"]), duration)


def _seconds(duration: timedelta) -> int:
    return int(duration.total_seconds())


def _lasting(seconds: int) -> timedelta:
    return timedelta(seconds=seconds)
