"""Spans of time in which something may be done: how they become one, and what is cut out of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

ALWAYS_WAS = datetime.min.replace(tzinfo=UTC)  # the start of what was never closed
NEVER_ENDS = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, order=True)
class Opening:
    """From its start on, and up to but not at its end. Both in UTC; the bounds above stand for none."""

    start: datetime
    end: datetime

    def __contains__(self, moment: datetime) -> bool:
        return self.start <= moment < self.end

    def left(self, now: datetime) -> timedelta:
        """Until it ends."""
        return self.end - now

    @property
    def lasts(self) -> timedelta:
        return self.end - self.start


def merged(spans: Iterable[Opening], endless: timedelta = timedelta.max) -> Iterator[Opening]:
    """Those that overlap or touch are one. They come ordered by their starts.

    What goes on without a break for as long as `endless` is taken to have no end, so that somebody's windows of 24
    hours on all seven days are not followed for ever.
    """
    ordered = iter(spans)
    first = next(ordered, None)
    if first is None:
        return
    start, end = first.start, first.end
    for span in ordered:
        if span.start > end:
            yield Opening(start, end)
            start, end = span.start, span.end
        elif span.start - start > endless:
            yield Opening(start, NEVER_ENDS)
            return
        elif span.end > end:
            end = span.end
    yield Opening(start, end)


def cut(opening: Opening, gaps: Iterable[Opening]) -> Iterator[Opening]:
    """What is left of it. The gaps are ascending, and none touches the next."""
    start = opening.start
    for gap in gaps:
        if gap.end <= start:
            continue
        if gap.start >= opening.end:
            break
        if gap.start > start:
            yield Opening(start, gap.start)
        start = gap.end
    if start < opening.end:
        yield Opening(start, opening.end)
