"""How far is the upgrade, and where? Plain values made of what Airflow and Kubernetes say."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from demo.journey import Journey
from demo.steps import COLUMNS, is_step
from harness.rest import TaskInstance


class Mark(Enum):
    """The state of one cell of the table."""

    NOT_YET = "not yet"
    RUNNING = "running"
    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"
    ABSENT = "absent"


@dataclass(frozen=True)
class NodeSeen:
    """A node as the Kubernetes API shows it."""

    name: str
    status: str
    kubelet: str


_RUNNING = frozenset({"running", "queued", "restarting"})
_WAITING = frozenset({"deferred", "up_for_retry", "up_for_reschedule", "awaiting_input"})
_FAILED = frozenset({"failed", "upstream_failed"})


@dataclass(frozen=True)
class Progress:
    """One look at the run under way, and how far the journey is."""

    run_state: str
    tasks: tuple[TaskInstance, ...]
    nodes: tuple[NodeSeen, ...]
    journey: Journey

    @property
    def goes_on(self) -> bool:
        """This run is over, and the next hop's is to be looked at."""
        return self.run_state == "success" and not self.journey.is_last

    @property
    def finished(self) -> bool:
        return self.run_state in ("success", "failed") and not self.goes_on

    @property
    def steps(self) -> list[TaskInstance]:
        """The tasks of this run that are worth telling and counting."""
        return [task for task in self.tasks if is_step(task)]

    @property
    def steps_done(self) -> int:
        """On the whole path. A run that has succeeded has made all its steps, however many tasks it took."""
        if self.run_state == "success":
            return self.journey.steps_before + self.journey.hop.steps
        return self.journey.steps_before + sum(task.state in ("success", "skipped") for task in self.steps)

    @property
    def failed(self) -> list[TaskInstance]:
        """Failed themselves, the first first; not those that only wait for them."""
        failed = [task for task in self.tasks if task.state == "failed" and task.step != "report"]
        return sorted(failed, key=lambda task: task.ended.timestamp() if task.ended else 0.0)

    @property
    def waits_for_person(self) -> bool:
        """Nothing goes on until a failed task is cleared: whoever is under way waits for the slot it keeps."""
        under_way = {task.step for task in self.tasks if task.state in _RUNNING | _WAITING}
        return bool(self.failed) and under_way <= {"admit"}

    @property
    def at_work(self) -> TaskInstance | None:
        """Worth telling about: the task started last of those under way; waiting for a slot is not."""
        under_way = [task for task in self.tasks if task.state in _RUNNING | _WAITING and task.started]
        key = [(task.step != "admit", task.started.timestamp()) for task in under_way if task.started]
        return max(zip(key, under_way, strict=True), key=lambda pair: pair[0])[1] if under_way else None

    def mark_of(self, step: str) -> Mark:
        """A task of the run as a whole."""
        return _mark([task for task in self.tasks if task.task_id == step])

    def cell(self, node: str, column: str) -> Mark:
        steps = COLUMNS[column]
        tasks = [task for task in self.tasks if task.label == node and task.step in steps]
        return _mark(tasks) if tasks or self._expects(node, column) else Mark.ABSENT

    def fingerprint(self) -> object:
        """Differs from an earlier one when something has moved."""
        return [(task.task_id, task.map_index, task.state, task.try_number) for task in self.tasks], self.nodes

    def _expects(self, node: str, column: str) -> bool:
        hop = self.journey.hop
        return node in hop.control_plane if column == "backup" else hop.touches(node)


def _mark(tasks: Sequence[TaskInstance]) -> Mark:
    states = {task.state for task in tasks}
    if states & _FAILED:
        return Mark.FAILED if "failed" in states else Mark.NOT_YET
    if states & _RUNNING:
        return Mark.RUNNING
    if states & _WAITING:
        return Mark.WAITING
    if states and states <= {"success"}:
        return Mark.DONE
    if states and states <= {"skipped", "removed"}:
        return Mark.ABSENT
    # between two steps of one column nothing may run for a moment
    return Mark.RUNNING if "success" in states else Mark.NOT_YET
