"""The schedule of a cluster's upgrade: a run at each of its maintenance windows.

Airflow asks when the next run is whenever it reads the DAG file, and again when it has opened one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

from airflow.timetables.base import DagRunInfo, DataInterval, TimeRestriction, Timetable

from kubeadm_upgrade.windows import plain
from kubeadm_upgrade.windows.calendar import Calendar, Opening
from kubeadm_upgrade.windows.coming import coming_told
from kubeadm_upgrade.windows.words import calendar_told

if TYPE_CHECKING:
    from airflow.utils.types import DagRunType
    from pendulum import DateTime

BEGINS = datetime(2026, 1, 1, tzinfo=UTC)  # the start_date of the DAGs, and of what was always open
SHOWN = 3  # of the windows that come next
MOST_IN_A_COLUMN = 120  # letters of a summary: the list of DAGs has one line for it
MOST_LETTERS = 1000  # of a description, in Airflow's database
LONGEST = timedelta(days=366)  # of what Airflow is told of an opening that has no end


class WindowTimetable(Timetable):
    """One run for each opening of a calendar, from `opens_before` its start on; its data interval is the opening.

    What is over is never made up for, so nothing is ever backfilled. Who comes back in the middle of an opening that
    has had no run still gets one.
    """

    periodic = False
    run_ordering: Sequence[str] = ("run_after",)  # runs by hand have no other time

    def __init__(self, calendar: Calendar) -> None:
        self.calendar = calendar

    def __eq__(self, other: object) -> bool:
        return isinstance(other, WindowTimetable) and self.calendar == other.calendar

    def __hash__(self) -> int:
        return hash(self.calendar)

    def serialize(self) -> dict[str, Any]:
        return plain.to_json(self.calendar)

    @classmethod
    def deserialize(cls, data: dict[str, Any]) -> Self:
        return cls(plain.from_json(data))

    @property
    def summary(self) -> str:
        """In the list of DAGs, and on the DAG's page."""
        told = calendar_told(self.calendar)
        return told if len(told) <= MOST_IN_A_COLUMN else f"{told[:MOST_IN_A_COLUMN]}…"

    @property
    def description(self) -> str:  # type: ignore[override]
        """What is shown over the summary: written down anew whenever the DAG file is read, and no part of the DAG."""
        coming = coming_told(self.calendar, datetime.now(UTC), SHOWN)
        return f"Begins a run at each maintenance window: {calendar_told(self.calendar)}. {coming}"[:MOST_LETTERS]

    def infer_manual_data_interval(self, *, run_after: DateTime) -> DataInterval:
        return DataInterval.exact(run_after)

    def generate_run_id(
        self, *, run_type: DagRunType, run_after: DateTime, data_interval: DataInterval | None, **extra: Any
    ) -> str:
        """A run by schedule is named by its window, however long before it opens."""
        moment = data_interval.start if data_interval and run_type == "scheduled" else run_after
        return super().generate_run_id(run_type=run_type, run_after=moment, data_interval=data_interval, **extra)

    def next_dagrun_info(
        self, *, last_automated_data_interval: DataInterval | None, restriction: TimeRestriction
    ) -> DagRunInfo | None:
        last = last_automated_data_interval.start if last_automated_data_interval else None
        return self.next_run(datetime.now(UTC), last, restriction)

    def next_run(self, now: datetime, last: datetime | None, restriction: TimeRestriction) -> DagRunInfo | None:
        """The first opening that has had no run: none that began when the `last` one that has had one did, or before.

        Where a window has become longer to the front while it was open, its run is there already.
        """
        for opening in self.calendar.openings(now):
            interval = _interval(opening, restriction.earliest or BEGINS)
            if last is not None and interval.start <= last:
                continue
            if restriction.latest is not None and interval.start > restriction.latest:
                return None
            return DagRunInfo(run_after=interval.start - self.calendar.opens_before, data_interval=interval)
        return None


def _interval(opening: Opening, earliest: datetime) -> DataInterval:
    """Within what a database and any time zone can hold: what was always open begins with its DAG."""
    import pendulum

    start = max(opening.start, earliest)
    return DataInterval(pendulum.instance(start), pendulum.instance(min(opening.end, start + LONGEST)))
