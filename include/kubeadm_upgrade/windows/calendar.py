"""All that is said of when a cluster may be worked at, as one value. It has no clock: whoever asks says when."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import takewhile
from zoneinfo import ZoneInfo

from kubeadm_upgrade.windows.exclusions import Exclusion, Scope, Work, closed
from kubeadm_upgrade.windows.once import Once
from kubeadm_upgrade.windows.opening import ALWAYS_WAS, NEVER_ENDS, Opening, cut, merged
from kubeadm_upgrade.windows.recurring import ByCron, OnDays, Recurring

__all__ = [
    "ALWAYS",
    "ALWAYS_WAS",
    "NEVER_ENDS",
    "ByCron",
    "Calendar",
    "Exclusion",
    "OnDays",
    "Once",
    "Opening",
    "Recurring",
    "Scope",
    "WhenOver",
    "Work",
]

_FAR = timedelta(days=5 * 366)  # nothing that comes again leaves out so much, nor ends after so much without a break
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)  # nobody asks after more, and Python's years end
_A_DAY = timedelta(days=1)
_ANY = Work()


class WhenOver(StrEnum):
    """What becomes of a run of which nothing more fits into a window."""

    WAIT = "wait"
    STOP = "stop"  # it ends as "to be continued"


@dataclass(frozen=True)
class Calendar:
    """Maintenance windows and exclusions of a cluster."""

    timezone: str = "UTC"
    recurring: tuple[Recurring, ...] = ()
    once: tuple[Once, ...] = ()
    exclusions: tuple[Exclusion, ...] = ()
    opens_runs: bool = False
    opens_before: timedelta = timedelta()
    when_over: WhenOver = WhenOver.WAIT

    @property
    def is_always(self) -> bool:
        """No windows at all: open at any time, but for exclusions."""
        return not self.recurring and not self.once

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.timezone)

    def opening_at(self, now: datetime, work: Work = _ANY) -> Opening | None:
        """The whole opening that `now` is in: windows that overlap or touch are one, and exclusions cut."""
        day = now.astimezone(UTC).date()
        return next((one for one in _openings_on(self, day, work) if now in one), None)

    def excluded_by(self, now: datetime, work: Work = _ANY) -> Exclusion | None:
        """What forbids this work now, whatever the windows say: of several, the one that ends last."""
        found = (one for one in self.exclusions if now in one and one.forbids(work))
        return max(found, key=lambda one: one.end, default=None)

    def openings(self, after: datetime, work: Work = _ANY) -> Iterator[Opening]:
        """All that end after a moment, ascending; the first with its own start. Ends where none comes for years."""
        after = max(after, _LONG_AGO)
        gaps = closed(self.exclusions, work)
        last = after
        for whole in self._not_excluded(after, gaps):
            if whole.start > last + _FAR:
                return
            for opening in cut(whole, gaps):
                if opening.end > after:
                    yield opening
                    last = opening.end

    def _not_excluded(self, after: datetime, gaps: tuple[Opening, ...]) -> Iterator[Opening]:
        """Uncut, without those that an exclusion takes whole: a long one is passed in one step."""
        for whole in self._unbroken(after):
            if around := next((gap for gap in gaps if gap.start <= whole.start and whole.end <= gap.end), None):
                yield from self._not_excluded(around.end, gaps)
                return
            yield whole

    def _unbroken(self, after: datetime) -> Iterator[Opening]:
        """As if nothing was excluded: all that end after a moment."""
        if self.is_always:
            yield Opening(ALWAYS_WAS, NEVER_ENDS)
        for opening in merged(self._spans(self._far_enough_before(after)), 2 * _FAR):
            if opening.end > after:
                yield Opening(ALWAYS_WAS, opening.end) if opening.start < after - _FAR else opening

    def _far_enough_before(self, after: datetime) -> datetime:
        """From where the opening under way is seen from its start on: each time twice as far."""
        since = after
        while since > after - _FAR:
            begun = takewhile(lambda span: span.start <= after, self._spans(since))
            last = next(iter(deque(merged(begun), maxlen=1)), None)
            if last is None or last.end < after or last.start >= since:
                break
            since = last.start - (after - last.start) - _A_DAY
        return since

    def _spans(self, since: datetime) -> Iterator[Opening]:
        """In the order of their starts: all that end at `since` or later, as they overlap and touch."""
        zone = self.zone
        once = sorted(span for one in self.once if (span := one.span).end >= since)
        return heapq.merge(once, *(one.spans(zone, since) for one in dict.fromkeys(self.recurring)))


ALWAYS = Calendar()


@lru_cache(maxsize=512)  # who waits asks every few seconds, and on one day the answer is one of few
def _openings_on(calendar: Calendar, day: date, work: Work) -> tuple[Opening, ...]:
    begins = datetime.combine(day, time(), UTC)
    return tuple(takewhile(lambda one: one.start < begins + _A_DAY, calendar.openings(begins, work)))
