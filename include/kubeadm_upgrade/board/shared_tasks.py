"""The steps of a task that performs several, as if each were a task of its own: what boards are made of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from functools import cache
from typing import Any

from kubeadm_upgrade.board.record import TaskRecord
from kubeadm_upgrade.board.xcoms import time_in
from kubeadm_upgrade.procedure import GROUPS, TASKS
from kubeadm_upgrade.tasks import Task

Json = Mapping[str, Any]

# what becomes of the steps after the one that a task has come to; of any other state, nothing yet
_AFTER = {"failed": "upstream_failed", "upstream_failed": "upstream_failed", "skipped": "skipped", "removed": "removed"}


def steps_of(row: TaskRecord, task: Task) -> Iterator[TaskRecord]:
    """In their order. The first that has told no outcome is the one that the task is at."""
    outcomes = {str(one["step"]): one for one in _told(row)}
    ended = row.state in ("success", "skipped") and bool(outcomes)  # so what is left was not done: the node has gone
    is_there = ended
    for step in task.steps:
        name = f"{row.group}.{step.name}"
        record = TaskRecord(name, row.map_index, part_of=row.task_id if name != row.task_id else "")
        if outcome := outcomes.get(step.name):
            yield _done(record, row, outcome)
        elif not is_there:
            began = max((end for one in outcomes.values() if (end := _times(one)[1])), default=row.started)
            yield replace(row, task_id=name, part_of=record.part_of, started=began, outcome=None, outcomes=())
            is_there = row.state != "success"  # one that somebody has marked is marked as a whole
        else:
            yield replace(record, state="skipped" if ended else _AFTER.get(row.state or ""))


def _done(record: TaskRecord, row: TaskRecord, outcome: Json) -> TaskRecord:
    state = "skipped" if outcome["status"] == "left" else "success"
    began, ended = _times(outcome)
    return replace(record, state=state, try_number=row.try_number, started=began, ended=ended, outcome=outcome)


def _told(row: TaskRecord) -> Iterable[Json]:
    """A task that has ended tells all of its steps; one that has failed, or waits, those that it has done before."""
    if row.told or row.state == "success":
        return row.told
    return (row.failure.done if row.failure else ()) or (row.waiting.done if row.waiting else ())


@cache
def tasks_in(group: str, known: frozenset[str]) -> tuple[Task, ...]:
    """The tasks of a run in a group, by the task ids that Airflow has rows of.

    A run of an earlier release has one for each step, and perhaps not every step.
    """
    ids = {step.name: f"{group}.{step.name}" for step in GROUPS[group]}
    shared = {step.name: task for task in TASKS[group] for step in task.steps}
    if not any(name != shared[name].name and task_id in known for name, task_id in ids.items()):
        return TASKS[group]
    unknown = [name for name, task_id in ids.items() if task_id not in known]
    return tuple(Task(step.name, (step,)) for step in GROUPS[group] if len(unknown) != 1 or step.name not in unknown)


def _times(outcome: Json) -> tuple[datetime | None, datetime | None]:
    began, ended = (time_in(outcome.get(name)) for name in ("began", "ended"))
    return began, ended
