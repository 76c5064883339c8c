"""Whether a piece of work may begin now by the calendar, and what it waits for else."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import takewhile

from kubeadm_upgrade.board.words import roughly
from kubeadm_upgrade.waits import A_TURN, MOST_TURNS
from kubeadm_upgrade.windows.calendar import Calendar, Exclusion, Opening, Work
from kubeadm_upgrade.windows.words import moment_told

_HORIZON = timedelta(days=400)  # a window that comes once a year is found; longer nobody waits for one
BEFORE = "its maintenance window: "  # what every sentence begins with
_WAY_OUT = "or start the run with ignore_window"


@dataclass(frozen=True)
class Job:
    """What somebody wants to begin: how long it takes, what an exclusion may forbid of it, and who, for sentences."""

    need: timedelta
    work: Work
    who: str  # `w5 takes`

    @property
    def told(self) -> str:
        return f"{self.who} {roughly(self.need.total_seconds())}"


@dataclass(frozen=True)
class Hold:
    """Why a job does not begin now; `until`: when it is worth looking again, None where no window will ever do."""

    sentence: str
    until: datetime | None

    def turns(self, now: datetime) -> int:
        """How soon, in looks: seldom while the window is far away, and right when it opens."""
        if self.until is None:
            return MOST_TURNS
        return max(1, min(MOST_TURNS, math.ceil((self.until - now) / A_TURN)))


def hold(calendar: Calendar, now: datetime, job: Job) -> Hold | None:
    """What keeps a job from beginning now; None where enough is left of a window."""
    if calendar.is_always and not calendar.exclusions:
        return None
    under_way = calendar.opening_at(now, job.work)
    if under_way is not None and under_way.left(now) >= job.need:
        return None
    coming = first_that_fits(calendar, now, job)
    return Hold(f"{BEFORE}{_why(calendar, now, job, under_way, coming)}", coming.start if coming else None)


def first_that_fits(calendar: Calendar, after: datetime, job: Job) -> Opening | None:
    """The first opening in which the job could be begun and ended; its start may be past."""
    soon = takewhile(lambda one: one.start <= after + _HORIZON, calendar.openings(after, job.work))
    return next((one for one in soon if one.end - max(one.start, after) >= job.need), None)


def _why(calendar: Calendar, now: datetime, job: Job, under_way: Opening | None, coming: Opening | None) -> str:
    if coming is None:
        return _never(calendar, now, job)
    opens = f"opens on {_at(coming.start, calendar, now)} ({calendar.timezone})"
    if under_way is not None:
        closes = _at(under_way.end, calendar, now)
        return f"this one closes on {closes}, and {job.told}: the next that is long enough {opens}"
    if shut := _exclusion(calendar, now, job.work):
        frozen = f"{shut.reason or 'a freeze'} (exclusion) until {_at(shut.end, calendar, now)}"
        return f"{frozen} ({calendar.timezone})" if shut.end == coming.start else f"{frozen}, and it {opens}"
    sooner = next(calendar.openings(now, job.work), coming)
    return f"it {opens}" + ("" if sooner == coming else f", the first that is long enough: {job.told}")


def _never(calendar: Calendar, now: datetime, job: Job) -> str:
    if next(calendar.openings(now, job.work), None) is None:
        return f"none comes any more: add one to windows in the cluster's file, {_WAY_OUT}"
    return f"none is ever long enough, since {job.told}: lengthen one in the cluster's file, {_WAY_OUT}"


def _exclusion(calendar: Calendar, now: datetime, work: Work) -> Exclusion | None:
    """What keeps a window shut that would be open now."""
    shut = calendar.excluded_by(now, work)
    return shut if shut and replace(calendar, exclusions=()).opening_at(now) else None


def _at(moment: datetime, calendar: Calendar, now: datetime) -> str:
    return moment_told(moment, calendar.zone, now)
