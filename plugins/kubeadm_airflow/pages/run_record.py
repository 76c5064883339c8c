"""A run's rows as the record that boards are made of. What has not changed is the very same object as before."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from airflow.models.xcom import XComModel
from sqlalchemy import select
from sqlalchemy.orm import Session

from kubeadm_airflow.pages.run_rows import RunRows, Task
from kubeadm_upgrade import report
from kubeadm_upgrade.board.holds import marks_of
from kubeadm_upgrade.board.record import Marks, RunRecord, TaskRecord
from kubeadm_upgrade.board.xcoms import (
    blocks_in,
    failure_in,
    marks_in,
    nodes_in,
    outcomes_of,
    pace_in,
    text_in,
    unwrapped,
    waiting_in,
)
from kubeadm_upgrade.due import NOTHING_TO_DO

UPGRADE, STEER = "kubeadm_upgrade.", "kubeadm_steer."  # before the name of a cluster: the ids of its DAGs
RESULT = "return_value"

DUE, LOOK, PLAN, PREFLIGHT, NEXT_HOP = (("due", -1), ("look", -1), ("plan", -1), ("preflight", -1), ("next_hop", -1))
ASKING: tuple[Task, ...] = (("window", -1), ("approve", -1))  # the later one first
_TOLD = frozenset({DUE, LOOK, PLAN, PREFLIGHT, NEXT_HOP, *ASKING})


class RunReader:
    """Reads one run again and again. Not for two threads at once."""

    def __init__(self, dag_id: str, run_id: str) -> None:
        self._rows = RunRows(dag_id, run_id)
        self._tasks: dict[Task, TaskRecord] = {}
        self._record = RunRecord(cluster_of(dag_id), dag_id, run_id, "")
        self._report: tuple[int, Any] = (0, None)  # when it was written, and what it says

    def read(self, session: Session, now: datetime) -> RunRecord | None:
        """The record as it is; None where Airflow has no such run. It is another object only where it has changed."""
        changed = self._rows.read(session, now)
        run = self._rows.run
        if run is None:
            return None
        now_so: dict[str, Any] = {
            "state": run.state,
            "started": run.started,
            "ended": run.ended,
            "params": run.conf or {},
            **(self._told() if _TOLD & changed else {}),
            "report": (reported := self._reported()),
            "marks": self._marks(session, reported),
        }
        news = {name: value for name, value in now_so.items() if getattr(self._record, name) != value}
        if news or changed:
            self._record = replace(self._record, **news, tasks=self._of_tasks(changed))
        self._rows.taken()
        return self._record

    def _of_tasks(self, changed: Iterable[Task]) -> tuple[TaskRecord, ...]:
        for task in changed:
            if task in self._rows.tasks:
                self._tasks[task] = self._task(task)
            else:
                self._tasks.pop(task, None)
        return tuple(map(self._tasks.__getitem__, self._rows.tasks))

    def _task(self, task: Task) -> TaskRecord:
        (task_id, map_index), row, told = task, self._rows.tasks[task], self._rows.xcoms.get(task, {})
        outcomes = outcomes_of(told[RESULT]) if RESULT in told else ()
        return TaskRecord(
            *(task_id, map_index, *row),
            waiting=waiting_in(told["waiting"]) if "waiting" in told else None,
            failure=failure_in(told["failure"]) if "failure" in told else None,
            outcome=outcomes[0] if len(outcomes) == 1 else None,
            outcomes=outcomes if len(outcomes) > 1 else (),
        )

    def _told(self) -> dict[str, Any]:
        """What tasks of the run as a whole have written down."""
        look, plan, preflight = (self._rows.xcoms.get(task, {}) for task in (LOOK, PLAN, PREFLIGHT))
        return {
            "nodes": nodes_in(look.get(RESULT)),
            "pace": pace_in(look.get("pace")),
            "hop": _mapping(plan.get(RESULT)),
            "path": _mapping(plan.get("path")),
            "blocks": blocks_in((self._rows.xcoms.get(ASKING[0], {}) or {}).get("judged") or preflight.get("judged")),
            "approval": self._approval(),
            "findings": tuple(map(str, _list(preflight.get("findings")))),
            "nothing_to_do": text_in(self._rows.xcoms.get(DUE, {}).get(NOTHING_TO_DO)),
            "next_run": unwrapped(self._rows.xcoms.get(NEXT_HOP, {}).get("trigger_run_id")),
        }

    def _approval(self) -> Any:
        told = (_mapping(self._rows.xcoms.get(task, {}).get("approval")) for task in ASKING)
        return next((one for one in told if one), None)

    def _reported(self) -> Any:
        """Read again only when it was written again."""
        _, path = report.paths(self._record.dag_id, self._record.run_id)
        written = path.stat().st_mtime_ns if path.is_file() else 0
        if written != self._report[0]:
            self._report = (written, read_json(path) if written else None)
        return self._report[1]

    def _marks(self, session: Session, reported: Any) -> Marks:
        """Of the run's own look and report, of whoever has steered since, of any later look."""
        own = marks_in(self._rows.xcoms.get(LOOK, {}).get("marks"))
        at_its_end = marks_in((reported or {}).get("marks"))
        seen = (own, at_its_end, steered(session, self._record.cluster), last_seen(self._record.cluster))
        return marks_of(self._record.run_id, seen)


def cluster_of(dag_id: str) -> str:
    """The cluster that a DAG is about, by its id."""
    return dag_id.partition(".")[2] or dag_id


def steered(session: Session, cluster: str) -> Marks:
    """The marks as the last change by `kubeadm_steer` has left them."""
    written = (
        select(XComModel.value)
        .where(XComModel.dag_id == f"{STEER}{cluster}", XComModel.key == "marks")
        .order_by(XComModel.timestamp.desc())
        .limit(1)
    )
    return marks_in(session.scalar(written))


def last_seen(cluster: str) -> Marks:
    """The marks in the file that tells what was last seen of a cluster."""
    seen = report.last_look(cluster)
    return Marks(seen.paused, seen.aborted, seen.given_up, seen.looked_at, seen.run) if seen else Marks()


def read_json(path: Any) -> Any:
    """A file of ours; None for one that is not there, or not whole."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None


def _mapping(value: Any) -> Any:
    plain = unwrapped(value)
    return plain if isinstance(plain, dict) else None


def _list(value: Any) -> list[Any]:
    plain = unwrapped(value)
    return plain if isinstance(plain, list) else []
