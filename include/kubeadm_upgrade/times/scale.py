"""Moments as places on a line. Where nobody was at work for long, as over a night, the line is cut short."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

Stretch = tuple[datetime, datetime]

_LONG = timedelta(minutes=10)  # a gap that is worth cutting
_CUT = 28.0  # how wide it is then
_STEPS = [timedelta(seconds=n) for n in (5, 10, 30)] + [timedelta(minutes=n) for n in (1, 2, 5, 10, 30)]
_STEPS += [timedelta(hours=n) for n in (1, 2, 6, 12)] + [timedelta(days=1), timedelta(days=7)]
_LEAST_APART = 70.0


@dataclass(frozen=True)
class Gap:
    """A stretch in which nothing happened, and where it is drawn."""

    began: datetime
    ended: datetime
    left: float
    right: float


class Scale:
    """From `left` to `right`, for these stretches of work."""

    def __init__(self, stretches: Iterable[Stretch], left: float, right: float) -> None:
        busy = list(_merged(stretches))
        self.began, self.ended = busy[0][0], busy[-1][1]
        cuts = [(a, b) for (_, a), (b, _) in pairwise(busy) if b - a >= _LONG]
        shown = (self.ended - self.began) - sum((b - a for a, b in cuts), timedelta())
        self._per_second = (right - left - _CUT * len(cuts)) / max(1.0, shown.total_seconds())
        self._knots: list[tuple[datetime, float]] = [(self.began, left)]
        self.gaps: list[Gap] = []
        for a, b in cuts:
            at = self.x(a)
            self.gaps.append(Gap(a, b, at, at + _CUT))
            self._knots += [(a, at), (b, at + _CUT)]

    def x(self, moment: datetime) -> float:
        index = bisect_right(self._knots, moment, key=lambda knot: knot[0]) - 1
        since, at = self._knots[max(0, index)]
        for gap in self.gaps:
            if gap.began < moment < gap.ended:
                return gap.left + _CUT / 2
        return at + (moment - since).total_seconds() * self._per_second

    def ticks(self) -> Iterator[tuple[datetime, float]]:
        """Round times, far enough from each other to be read; none within a cut."""
        step = next((one for one in _STEPS if one.total_seconds() * self._per_second >= _LEAST_APART), _STEPS[-1])
        moment, last = _next_round(self.began, step), float("-inf")
        while moment <= self.ended:
            at = self.x(moment)
            if at - last >= _LEAST_APART and not any(gap.began < moment < gap.ended for gap in self.gaps):
                yield moment, at
                last = at
            moment += step


def _merged(stretches: Iterable[Stretch]) -> Iterator[Stretch]:
    """Those that overlap as one, in order."""
    began: datetime | None = None
    ended = began
    for a, b in sorted(stretches):
        if began is None or ended is None:
            began, ended = a, b
        elif a > ended:
            yield began, ended
            began, ended = a, b
        else:
            ended = max(ended, b)
    if began is not None and ended is not None:
        yield began, ended


def _next_round(moment: datetime, step: timedelta) -> datetime:
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight + -(-(moment - midnight) // step) * step
