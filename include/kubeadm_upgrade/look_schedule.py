"""When a cluster is looked at for its own sake: a cron expression, and the time zone that its hours are of."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

_FIELDS = 5
_SOME_DAY = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class LookSchedule:
    """As Airflow's timetable takes both."""

    cron: str | None = None  # None: only upgrades look at it
    timezone: str = "UTC"


def check_cron(text: str) -> None:
    """Raises ValueError for what is no cron expression, and for one that never comes to pass."""
    from croniter import croniter  # most files have no schedule, and need not wait for its import

    try:
        if len(text.split()) == _FIELDS:
            croniter(text, _SOME_DAY).get_next()
            return
    except ValueError:
        pass
    raise ValueError(
        'must be a cron expression that comes to pass, of five fields as "17 3 * * *": minute, hour, day of the '
        "month, month, day of the week"
    )


def check_timezone(text: str) -> None:
    """Raises ValueError for what is no IANA time zone."""
    try:
        ZoneInfo(text)
    except (KeyError, OSError, ValueError):
        raise ValueError("must be UTC, or a time zone as IANA names them, such as Europe/Berlin") from None
