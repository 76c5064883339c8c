"""What a cluster's file may say of maintenance windows, and the calendar that it makes."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator, model_validator

from kubeadm_upgrade.durations import told
from kubeadm_upgrade.look_schedule import check_cron, check_timezone
from kubeadm_upgrade.strict import EACH_ONCE, Strict, YesNo
from kubeadm_upgrade.windows.calendar import ByCron, Calendar, Exclusion, Once, OnDays, Scope, WhenOver
from kubeadm_upgrade.windows.recurring import DAYS, LONGEST
from kubeadm_upgrade.windows.wall_time import first_moment, last_moment, moment
from kubeadm_upgrade.written_times import DayOrMoment, Moment, TimeOfDay, lasting

_LONGEST_ONCE = timedelta(days=366)
# croniter draws lots for R, anew at each look
_RANDOM = re.compile(r"(^|[\s,])r(\(|[\s,/]|$)", re.IGNORECASE)


class RecurringSettings(Strict):
    """A window that comes again: days and start, or cron; each with a duration."""

    days: (
        Annotated[list[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]], Field(min_length=1), EACH_ONCE] | None
    ) = Field(None, description="on which it opens; it may close on the next")
    start: TimeOfDay | None = Field(None, description='when it opens, as "22:00", by the clocks of the time zone')
    cron: str | None = Field(
        None, description='when it opens, as a cron expression of five fields, "0 22 * * 1-5", in the place of days'
    )
    duration: Annotated[timedelta, *lasting(LONGEST)] = Field(
        description="how long it is open, as 4h or 1h30m, in real time"
    )

    @field_validator("cron")
    @classmethod
    def _comes_to_pass(cls, cron: str | None) -> str | None:
        if cron is not None:
            check_cron(cron)
            if _RANDOM.search(cron):
                raise ValueError("must not leave anything to chance: R would be another time at each look")
        return cron

    @model_validator(mode="after")
    def _is_one_of_both(self) -> RecurringSettings:
        if self.cron is not None and (self.days is not None or self.start is not None):
            raise ValueError("has both cron and days with a start: keep one of them")
        if self.cron is None and (self.days is None or self.start is None):
            raise ValueError("needs days and start, or cron")
        return self


class OnceSettings(Strict):
    """A window that is there once."""

    start: Moment = Field(description='as "2026-12-05T22:00", by the clocks of the time zone unless it has an offset')
    duration: Annotated[timedelta, *lasting(_LONGEST_ONCE)] = Field(
        description="how long it is open, as 4h or 1h30m, in real time"
    )


class ExclusionSettings(Strict):
    """A freeze, whatever the windows say."""

    begins: DayOrMoment = Field(alias="from", description="a date, from its first moment on, or a date and a time")
    ends: DayOrMoment = Field(alias="to", description="a date, to the end of the day, or a date and a time")
    scope: Scope = Field(
        Scope.ALL,
        description="what is forbidden: all; minor, what changes the minor release; nodes, what drains a node",
    )
    reason: str = Field("", description="why, for whoever waits")

    @model_validator(mode="after")
    def _ends_later(self) -> ExclusionSettings:
        begins, ends = (_whole(one, at) for one, at in ((self.begins, time()), (self.ends, time.max)))
        if (begins.tzinfo is None) != (ends.tzinfo is None):
            raise ValueError("from and to: give both an offset, or none of them")
        if ends <= begins:
            raise ValueError("ends before it begins: from must be earlier than to")
        return self


def _whole(one: date, at: time) -> datetime:
    return one if isinstance(one, datetime) else datetime.combine(one, at)


class WindowsSettings(Strict):
    """When the cluster may be upgraded. Without recurring and once: at any time but for exclusions."""

    timezone: str = Field("UTC", description="what all times are of, as IANA names it: Europe/Berlin")
    recurring: list[RecurringSettings] = Field([], description="windows that come again")
    once: list[OnceSettings] = Field([], description="windows that are there once")
    exclusions: list[ExclusionSettings] = Field([], description="freezes: windows do not count in them")
    open_runs: YesNo = Field(
        True, description="whether a run begins at each window's start; false: windows only hold back others"
    )
    open_before: Annotated[timedelta, *lasting(LONGEST, timedelta())] = Field(
        timedelta(),
        description="so long before a window its run begins, for plan, approval and staging",
        json_schema_extra={"default": told(timedelta())},  # pydantic's own would be PT0S
    )
    when_over: WhenOver = Field(
        WhenOver.WAIT,
        description='what a run does of which nothing more fits into a window: wait for the next, or stop as "to be '
        'continued"',
    )

    @field_validator("timezone")
    @classmethod
    def _is_a_timezone(cls, timezone: str) -> str:
        check_timezone(timezone)
        return timezone

    @property
    def calendar(self) -> Calendar:
        """As a value, with what happens once in UTC."""
        zone = ZoneInfo(self.timezone)
        return Calendar(
            self.timezone,
            tuple(_recurring(one) for one in self.recurring),
            tuple(Once(_in_utc(one.start, zone), one.duration) for one in self.once),
            tuple(
                Exclusion(_begin(one.begins, zone), _end(one.ends, zone), one.scope, one.reason)
                for one in self.exclusions
            ),
            self.open_runs and bool(self.recurring or self.once),
            self.open_before,
            self.when_over,
        )


def _recurring(one: RecurringSettings) -> OnDays | ByCron:
    if one.cron is not None:
        return ByCron(" ".join(one.cron.split()), one.duration)
    days = tuple(day for day in DAYS if day in (one.days or ()))
    return OnDays(days, one.start or time(), one.duration)  # both are there: _is_one_of_both


def _in_utc(at: datetime, zone: ZoneInfo) -> datetime:
    return moment(at, zone) if at.tzinfo is None else at.astimezone(UTC)


def _begin(one: date, zone: ZoneInfo) -> datetime:
    return _in_utc(one, zone) if isinstance(one, datetime) else first_moment(one, zone)


def _end(one: date, zone: ZoneInfo) -> datetime:
    """A day counts whole; of an hour that is there twice, the freeze has both."""
    if not isinstance(one, datetime):
        return first_moment(one + timedelta(days=1), zone)
    return last_moment(one, zone) if one.tzinfo is None else one.astimezone(UTC)
