"""Times, dates and durations as people write them into a YAML file, for models of pydantic."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from typing import Annotated

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from kubeadm_upgrade.durations import PATTERN, parse_duration, told

_FIRST_YEAR, _YEARS_END = 2000, 3000  # others are slips, as those of the patterns below are
_TIME = r"^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?$"
_WITH_TIME = r"^2\d{3}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?$"
_WITH_OR_WITHOUT = r"^2\d{3}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)?)?$"


def _time(value: object) -> time:
    if isinstance(value, str) and re.fullmatch(_TIME, value, re.ASCII):
        return time.fromisoformat(value)
    raise ValueError('must be a time in quotes, as "22:00": without them YAML reads that as the number 1320')


def _moment(value: object) -> datetime:
    """YAML itself makes moments of some texts."""
    if isinstance(value, datetime) and _FIRST_YEAR <= value.year < _YEARS_END:
        return value.replace(microsecond=0)
    if isinstance(value, str) and re.fullmatch(_WITH_TIME, value, re.ASCII):
        return datetime.fromisoformat(value)
    raise ValueError('must be a date and a time, as "2026-12-05T22:00", or with an offset, "2026-12-05T22:00+01:00"')


def _day_or_moment(value: object) -> date:
    if isinstance(value, date) and not isinstance(value, datetime) and _FIRST_YEAR <= value.year < _YEARS_END:
        return value
    if isinstance(value, str) and re.fullmatch(_WITH_OR_WITHOUT, value, re.ASCII) and len(value) == len("2026-12-20"):
        return date.fromisoformat(value)
    try:
        return _moment(value)
    except ValueError:
        raise ValueError('must be a date, as "2026-12-20", or a date and a time, as "2026-12-20T18:00"') from None


TimeOfDay = Annotated[time, PlainValidator(_time), WithJsonSchema({"type": "string", "pattern": _TIME})]
Moment = Annotated[datetime, PlainValidator(_moment), WithJsonSchema({"type": "string", "pattern": _WITH_TIME})]
DayOrMoment = Annotated[
    date, PlainValidator(_day_or_moment), WithJsonSchema({"type": "string", "pattern": _WITH_OR_WITHOUT})
]


def lasting(longest: timedelta, shortest: timedelta = timedelta(seconds=1)) -> tuple[object, ...]:
    """What a duration is annotated with."""

    def read(value: object) -> timedelta:
        duration = parse_duration(value)
        if duration < shortest:
            raise ValueError("must be longer than nothing")
        if duration > longest:
            raise ValueError(f"must not be longer than {told(longest)}")
        return duration

    schema = WithJsonSchema({"type": "string", "pattern": PATTERN})
    return PlainValidator(read), PlainSerializer(told, return_type=str), schema
