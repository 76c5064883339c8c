"""A run's rows in Airflow's database: read whole once, and from then on only what is new.

Plain column queries, one for the run, one for its task instances and one for its XComs. A run of 500 nodes has 5,000
task instances and 3,000 XComs, which take 70 ms to read; to find that none of them is new takes 3 ms.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.models.xcom import XComModel
from sqlalchemy import ColumnElement, func, or_, select, tuple_
from sqlalchemy.orm import Session

Task = tuple[str, int]  # task id and map index; -1: not mapped
XComs = dict[str, Any]  # key -> value

# A row bears the time at which it was written, by another clock, and is there once its transaction has ended: SQLite
# may keep a writer waiting for a minute.
OVERLAP = timedelta(minutes=2)
# For what a row's time does not tell: an XCom that was deleted, a clock that is wrong.
WHOLE_EVERY = timedelta(minutes=5)
# Past this it is less to read all XComs than to name those that are wanted.
MOST_NAMED = 200

_RUN_ROW = (DagRun.id, DagRun.state, DagRun.start_date, DagRun.end_date, DagRun.conf)
_TASK_ROW: Sequence[Any] = (
    *(TaskInstance.task_id, TaskInstance.map_index),
    *(TaskInstance.state, TaskInstance.try_number, TaskInstance.start_date, TaskInstance.end_date),
)
_XCOM = (XComModel.task_id, XComModel.map_index, XComModel.key, XComModel.value)


class RunRow(NamedTuple):
    """The run itself."""

    number: int
    state: str
    started: datetime | None
    ended: datetime | None
    conf: dict[str, Any] | None


class TaskRow(NamedTuple):
    """A task instance; `state` is Airflow's word."""

    state: str | None
    try_number: int
    started: datetime | None
    ended: datetime | None


class RunRows:
    """One run as it was when it was last read. Not for two threads at once."""

    def __init__(self, dag_id: str, run_id: str) -> None:
        self.run: RunRow | None = None
        self.tasks: dict[Task, TaskRow] = {}
        self.xcoms: dict[Task, XComs] = {}
        self._dag_id, self._run_id = dag_id, run_id
        self._read_at: datetime | None = None
        self._whole_at: datetime | None = None
        self._changed: set[Task] = set()

    def read(self, session: Session, now: datetime) -> frozenset[Task]:
        """Bring it up to date; returns the tasks of which anything has changed, those that are gone among them.

        Until they are `taken`, so that none is lost where a later query fails.
        """
        self.run = run = self._read_run(session)
        if run is None:
            self._replace({}, {})
        elif self._read_at is None or self._whole_at is None or now - self._whole_at >= WHOLE_EVERY:
            self._read_whole(session, run, now)
        else:
            self._read_newer(session, run, self._read_at - OVERLAP)
            if self._has_all(session):
                self._read_at = now
            else:
                self._read_whole(session, run, now)
        return frozenset(self._changed)

    def taken(self) -> None:
        """What has changed is known now."""
        self._changed.clear()

    def _read_whole(self, session: Session, run: RunRow, now: datetime) -> None:
        self._replace(self._read_tasks(session), _read_xcoms(session, run))
        self._read_at = self._whole_at = now

    def _replace(self, tasks: dict[Task, TaskRow], xcoms: dict[Task, XComs]) -> None:
        self._changed |= {
            task
            for task in tasks.keys() | self.tasks.keys()
            if tasks.get(task) != self.tasks.get(task) or xcoms.get(task) != self.xcoms.get(task)
        }
        self.tasks, self.xcoms = tasks, xcoms

    def _read_newer(self, session: Session, run: RunRow, since: datetime) -> None:
        """A task whose row has changed may have begun anew, and begins by deleting its XComs: all of them are read."""
        rows = self._read_tasks(session, TaskInstance.updated_at >= since)
        changed = {task for task, row in rows.items() if row != self.tasks.get(task)}
        xcoms = _read_xcoms(session, run, _of_any(changed, XComModel.timestamp >= since))
        for task in changed:
            self.tasks[task], self.xcoms[task] = rows[task], xcoms.pop(task, {})
        for task, read in xcoms.items():
            merged = {**self.xcoms.get(task, {}), **read}
            if merged != self.xcoms.get(task):
                self.xcoms[task] = merged
                changed.add(task)
        self._changed |= changed

    def _read_run(self, session: Session) -> RunRow | None:
        found = session.execute(select(*_RUN_ROW).where(DagRun.dag_id == self._dag_id, DagRun.run_id == self._run_id))
        return next((RunRow(*row) for row in found), None)

    def _read_tasks(self, session: Session, *which: ColumnElement[bool]) -> dict[Task, TaskRow]:
        found = session.execute(select(*_TASK_ROW).where(*self._mine, *which))
        return {(row[0], row[1]): TaskRow(*row[2:]) for row in found}

    def _has_all(self, session: Session) -> bool:
        """Also those whose clock is wrong; rows of a mapped task go where its nodes are fewer than before."""
        count = session.scalar(select(func.count()).select_from(TaskInstance).where(*self._mine))
        return count == len(self.tasks)

    @property
    def _mine(self) -> Iterable[ColumnElement[bool]]:
        return (TaskInstance.dag_id == self._dag_id, TaskInstance.run_id == self._run_id)


def _read_xcoms(session: Session, run: RunRow, *which: ColumnElement[bool]) -> dict[Task, XComs]:
    read: dict[Task, XComs] = {}
    found = session.execute(select(*_XCOM).where(XComModel.dag_run_id == run.number, *which))
    for task_id, map_index, key, value in found:
        read.setdefault((task_id, map_index), {})[key] = value
    return read


def _of_any(tasks: Collection[Task], newer: ColumnElement[bool]) -> ColumnElement[bool]:
    """XComs that are newer, and all of these tasks; of every task where these are many."""
    if len(tasks) > MOST_NAMED:
        return XComModel.task_id.is_not(None)
    return or_(newer, tuple_(XComModel.task_id, XComModel.map_index).in_(tasks)) if tasks else newer
