"""One task of a run as one cell of its board."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime

from kubeadm_upgrade.board.record import RunRecord, TaskRecord, Waiting
from kubeadm_upgrade.board.retry import retry_of
from kubeadm_upgrade.board.view import Cell, Trouble
from kubeadm_upgrade.board.words import path_part
from kubeadm_upgrade.waits import Wait

# Airflow's word -> ours. Of success, deferred and awaiting_input, what the task has told says more.
_WORDS = {
    "skipped": "skipped",
    "removed": "skipped",
    "queued": "next",
    "scheduled": "next",
    "running": "running",
    "restarting": "running",
    "up_for_retry": "retrying",
    "up_for_reschedule": "waiting",
    "awaiting_input": "waiting",
    "failed": "failed",
    "upstream_failed": "blocked",
}
_OF_AN_OUTCOME = {"unchanged": "unchanged", "gone": "skipped"}
_UNDER_WAY = ("running", "waiting", "retrying")

# a task that fails by itself says why before it ends
BY_HAND = Trouble(
    "it was marked as failed, or its process was killed; what it had begun may have gone on",
    "clear this task, if it is to go on: it looks first at what is done",
)
# the last task of a run fails for what others have done, and has nobody to tell it to
LAST_WORD = Trouble("the run has not done what it promised, or its report could not be written: its log says which", "")


def cell_of(record: RunRecord, task: TaskRecord) -> Cell:
    """What stays the same between two looks stays the same here: whoever shows it counts the seconds itself."""
    state = state_of(task)
    name, index, tries = task.task_id, task.map_index, task.try_number
    if state in ("done", "unchanged"):
        return Cell(name, state, index, _seconds(task), tries)
    if state in _UNDER_WAY:
        waits = task.waiting if task.state in ("deferred", "awaiting_input") else None
        reason, since = (waits.reason, _since(waits)) if waits else ("", task.started)
        return Cell(name, state, index, None, tries, reason, since, log=_log(record, task))
    if state == "marked":
        return Cell(name, state, index, None, tries, log=_log(record, task))
    if state == "failed":
        return Cell(
            name,
            state,
            index,
            _seconds(task),
            tries,
            since=task.ended,
            failure=trouble_of(task),
            log=_log(record, task),
            clear=retry_of(record, task),
        )
    return Cell(name, state, index, None, tries)


def cells_of(record: RunRecord, tasks: Iterable[TaskRecord]) -> Iterator[Cell]:
    """The cells of one node, in order: the first that Airflow has not come to is next, while the run goes on."""
    settled = not record.is_over
    for task in tasks:
        cell = cell_of(record, task)
        yield replace(cell, state="next") if settled and cell.state == "none" else cell
        settled = settled and cell.state in ("done", "unchanged", "marked", "skipped")


def state_of(task: TaskRecord) -> str:
    if task.is_marked:
        return "marked"
    if task.state == "success":
        return _OF_AN_OUTCOME.get(str(task.outcome.get("status")) if task.outcome else "", "done")
    if task.state == "deferred":
        # a command that runs on the host is work, wherever somebody waits for its end
        return "running" if task.waiting and task.waiting.kind == Wait.COMMAND else "waiting"
    return _WORDS.get(task.state or "", "none")


def _since(waits: Waiting) -> datetime:
    """A time beside a reason is that reason's; of a command, which says another line all the time, its own."""
    return waits.since if waits.kind == Wait.COMMAND else waits.in_these_words_since


def trouble_of(task: TaskRecord) -> Trouble:
    """What a failed task has told; of one that could not, what may have become of it."""
    failure = task.failure
    if failure is None:
        return LAST_WORD if task.task_id == "report" else BY_HAND
    return Trouble(failure.why, failure.do, failure.said)


def _seconds(task: TaskRecord) -> float | None:
    if task.started is None or task.ended is None:
        return None
    return round(max(0.0, (task.ended - task.started).total_seconds()), 1)


def _log(record: RunRecord, task: TaskRecord) -> str:
    """The task's page in Airflow's UI, which opens with its log; of one that asks, with the question."""
    asks = "/required_actions" if task.state == "awaiting_input" else ""
    mapped = f"/mapped/{task.map_index}" if task.map_index >= 0 else ""
    dag, run, name = (path_part(part) for part in (record.dag_id, record.run_id, task.airflow_id))
    return f"/dags/{dag}/runs/{run}/tasks/{name}{mapped}{asks}"
