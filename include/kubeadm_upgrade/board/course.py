"""The way of every node through a run: its tasks in the order in which they come, and how far it is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from kubeadm_upgrade.board.record import RunRecord, TaskRecord
from kubeadm_upgrade.procedure import CONTROL_PLANE_NODE, GROUPS, WORKER_NODE
from kubeadm_upgrade.waits import Wait

CONTROL_PLANE, WORKER = "control plane", "worker"

SETTLED = frozenset({"success", "skipped", "removed"})
AT_WORK = frozenset({"running", "restarting", "deferred", "up_for_retry", "up_for_reschedule", "awaiting_input"})

# Waiting at the gates: nobody has touched the node yet.
AT_THE_GATES = frozenset({Wait.TURN, Wait.SLOT, Wait.PAUSE})


@dataclass(frozen=True)
class Course:
    """One node of a run."""

    name: str
    role: str
    tasks: tuple[TaskRecord, ...] = ()  # also those that Airflow has no row of yet

    @cached_property
    def current(self) -> TaskRecord | None:
        """The task that it is at, or comes to next; None where it is through."""
        return next((task for task in self.tasks if task.state not in SETTLED), None)

    @cached_property
    def failed(self) -> TaskRecord | None:
        return next((task for task in self.tasks if task.state == "failed"), None)

    @property
    def is_done(self) -> bool:
        """Through, and not because somebody has had its tasks skipped, or removed it."""
        return bool(self.tasks) and self.current is None and self.tasks[-1].state == "success" and not self.is_gone

    @property
    def is_gone(self) -> bool:
        """Whether a step has found no such Node any more."""
        return any(task.outcome is not None and task.outcome.get("status") == "gone" for task in self.tasks)

    @property
    def waits_at_the_gates(self) -> bool:
        task = self.current
        return task is not None and task.state == "deferred" and task.step == "admit"

    def of(self, group: str) -> tuple[TaskRecord, ...]:
        return tuple(task for task in self.tasks if task.group == group)

    @property
    def has_begun(self) -> bool:
        """Whether the run has taken it out of service, or may have: its packages may be there long before."""
        return any(task.state == "success" for task in self.tasks if task.step == "admit")

    @property
    def is_out(self) -> bool:
        """Whether it is in the middle of a group that takes it out of service."""
        task = self.current
        if task is None or task.group == "stage":
            return False
        return any(one.state == "success" for one in self.of(task.group))


def courses(record: RunRecord) -> tuple[Course, ...]:
    """Every node in the run's order: the control plane, the workers, and who is left as it is."""
    rows = {(task.task_id, task.map_index): task for task in record.tasks}
    seen = {node.name: node for node in record.nodes}
    planned = dict.fromkeys((*record.nodes_of("control_plane"), *record.nodes_of("workers")))
    control_plane = set(record.nodes_of("control_plane"))
    found = [
        Course(
            name,
            CONTROL_PLANE if name in control_plane else WORKER,
            tuple(_tasks(record, name, CONTROL_PLANE_NODE if name in control_plane else WORKER_NODE, rows)),
        )
        for name in planned
    ]
    others = [Course(name, CONTROL_PLANE if node.control_plane else WORKER) for name, node in seen.items()]
    return (*found, *(one for one in others if one.name not in planned))


def _tasks(
    record: RunRecord, node: str, groups: tuple[str, ...], rows: dict[tuple[str, int], TaskRecord]
) -> Iterator[TaskRecord]:
    for group in groups:
        index = record.index_of(node, group)
        for step in GROUPS[group]:
            key = f"{group}.{step.name}", index
            yield rows.get(key) or TaskRecord(*key)
