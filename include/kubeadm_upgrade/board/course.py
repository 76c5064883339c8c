"""The way of every node through a run: its tasks in the order in which they come, and how far it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from operator import is_
from types import MappingProxyType

from kubeadm_upgrade.board.record import RunRecord, TaskRecord
from kubeadm_upgrade.board.shared_tasks import steps_of, tasks_in
from kubeadm_upgrade.board.work import work_seconds
from kubeadm_upgrade.procedure import CONTROL_PLANE_NODE, GROUPS, WORKER_NODE
from kubeadm_upgrade.tasks import Task
from kubeadm_upgrade.waits import Wait

CONTROL_PLANE, WORKER = "control plane", "worker"

SETTLED = frozenset({"success", "skipped", "removed"})
AT_WORK = frozenset({"running", "restarting", "deferred", "up_for_retry", "up_for_reschedule", "awaiting_input"})

_HAPPENED = AT_WORK | {"success", "failed"}
_AT_THE_GATES = frozenset(step.name for steps in GROUPS.values() for step in steps if step.is_at_the_gates)
_NONE: Mapping[str, Course] = MappingProxyType({})
_ROLES = ((CONTROL_PLANE, "control_plane", CONTROL_PLANE_NODE), (WORKER, "workers", WORKER_NODE))

# Waiting at the gates: nobody has touched the node yet.
AT_THE_GATES = frozenset({Wait.TURN, Wait.SLOT, Wait.PAUSE, Wait.APPROVAL, Wait.WINDOW, Wait.SOAK, Wait.FAILURES})


@dataclass(frozen=True)
class Course:
    """One node of a run."""

    name: str
    role: str
    tasks: tuple[TaskRecord, ...] = ()  # a step each; also those that Airflow has no row of yet
    rows: tuple[TaskRecord, ...] = ()  # the tasks of Airflow that they are made of

    @cached_property
    def current(self) -> TaskRecord | None:
        """The task that it is at, or comes to next; None where it is through."""
        return next((task for task in self.tasks if task.state not in SETTLED), None)

    @cached_property
    def failed(self) -> TaskRecord | None:
        return next((task for task in self.tasks if task.state == "failed"), None)

    @cached_property
    def is_done(self) -> bool:
        """Through, and not because somebody has had its tasks skipped or marked, or removed it."""
        through = bool(self.tasks) and self.current is None and self.tasks[-1].state == "success"
        return through and self.marked is None and not self.is_gone

    @cached_property
    def marked(self) -> TaskRecord | None:
        """The first step that somebody has only called done."""
        return next((task for task in self.tasks if task.is_marked), None)

    @cached_property
    def proven(self) -> frozenset[str]:
        """The task groups all steps of which have told that they are done."""
        short = {task.group for task in self.tasks if task.state != "success" or task.is_marked}
        return frozenset(task.group for task in self.tasks) - short

    @cached_property
    def is_gone(self) -> bool:
        """Whether a step has found no such Node any more."""
        return any(task.outcome is not None and task.outcome.get("status") == "gone" for task in self.tasks)

    @property
    def waits_at_the_gates(self) -> bool:
        task = self.current
        return task is not None and task.state == "deferred" and task.step in _AT_THE_GATES

    @cached_property
    def left(self) -> Mapping[str, tuple[TaskRecord, ...]]:
        """By task group, what is still to be done."""
        found: dict[str, tuple[TaskRecord, ...]] = {}
        for task in self.tasks:
            if task.state not in SETTLED:
                found[task.group] = (*found.get(task.group, ()), task)
        return found

    @cached_property
    def begun(self) -> frozenset[str]:
        """The task groups in which something has happened."""
        return frozenset(task.group for task in self.tasks if task.state in _HAPPENED)

    @cached_property
    def is_out(self) -> bool:
        """Whether it is in the middle of a group that takes it out of service."""
        task = self.current
        if task is None or task.group == "stage":
            return False
        return any(one.state == "success" for one in self.tasks if (one.group, one.step) == (task.group, "admit"))

    @cached_property
    def measured(self) -> tuple[tuple[str, float], ...]:
        """Task id and seconds of work, where something was done: a step with nothing to do is no measure of another."""
        return tuple(
            (task.task_id, work_seconds(task.outcome))
            for task in self.tasks
            if task.outcome and task.outcome.get("status") == "changed"
        )


def courses(record: RunRecord, before: Mapping[str, Course] = _NONE) -> tuple[Course, ...]:
    """Every node in the run's order: the control plane, the workers, and who is left as it is.

    One of `before` that is made of the very same tasks is taken as it is, with all that was found out about it.
    """
    there = {(task.task_id, task.map_index): task for task in record.tasks}
    found: dict[str, Course] = {}
    for role, group, groups in _ROLES:
        tasks = tuple(task for one in groups for task in tasks_in(one, record.task_ids))
        for name in record.nodes_of(group):
            rows = _rows(record, name, groups, there)
            found[name] = _same(before.get(name), role, rows) or Course(name, role, _steps(rows, tasks), rows)
    for node in record.nodes:
        if node.name not in found:
            role = CONTROL_PLANE if node.control_plane else WORKER
            found[node.name] = _same(before.get(node.name), role, ()) or Course(node.name, role)
    return tuple(found.values())


def _rows(
    record: RunRecord, node: str, groups: tuple[str, ...], there: Mapping[tuple[str, int], TaskRecord]
) -> tuple[TaskRecord, ...]:
    ids = tuple(_task_ids(group, record.task_ids) for group in groups)
    keys = _keys(ids, tuple(record.index_of(node, group) for group in groups))
    return tuple(there.get(key) or _not_there_yet(*key) for key in keys)


def _steps(rows: tuple[TaskRecord, ...], tasks: tuple[Task, ...]) -> tuple[TaskRecord, ...]:
    return tuple(
        step
        for row, task in zip(rows, tasks, strict=True)
        for step in (steps_of(row, task) if len(task.steps) > 1 else (row,))
    )


@cache
def _keys(ids: tuple[tuple[str, ...], ...], indexes: tuple[int, ...]) -> tuple[tuple[str, int], ...]:
    """Task ids and map indexes of a node's tasks, in their order."""
    return tuple((name, index) for names, index in zip(ids, indexes, strict=True) for name in names)


@cache
def _task_ids(group: str, known: frozenset[str]) -> tuple[str, ...]:
    return tuple(f"{group}.{task.name}" for task in tasks_in(group, known))


@cache
def _not_there_yet(task_id: str, map_index: int) -> TaskRecord:
    return TaskRecord(task_id, map_index)


def _same(before: Course | None, role: str, rows: tuple[TaskRecord, ...]) -> Course | None:
    if before is None or before.role != role or len(before.rows) != len(rows):
        return None
    return before if all(map(is_, before.rows, rows)) else None
