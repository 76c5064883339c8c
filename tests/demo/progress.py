"""How far is a run, and where? Plain values made of what Airflow and Kubernetes say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from harness.rest import TaskInstance
from kubeadm_upgrade.procedure import CONTROL_PLANE_NODE, GROUPS, WORKER_NODE


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


# The columns, in the order in which a node passes them; a column stands for one or more steps.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "backup": tuple(step.name for step in GROUPS["backup"]),
    "stage": tuple(step.name for step in GROUPS["stage"]),
    "kubeadm": ("upgrade_kubeadm", "kubeadm_upgrade_plan"),
    "upgrade": ("kubeadm_upgrade", "kubeadm_upgrade_node", "control_plane_ready"),
    "drain": ("drain_node",),
    "kubelet": ("upgrade_kubelet_and_kubectl", "restart_kubelet"),
    "uncordon": ("node_ready", "uncordon_node"),
}
# Tasks of the run as a whole, before and after the nodes'.
BEFORE, AFTER = ("look", "plan", "preflight"), ("verify", "report")
_HIDDEN = ("control_plane_nodes", "worker_nodes")
_RUNNING = frozenset({"running", "queued", "restarting"})
_WAITING = frozenset({"deferred", "up_for_retry", "up_for_reschedule", "awaiting_input"})
_FAILED = frozenset({"failed", "upstream_failed"})


@dataclass(frozen=True)
class Progress:
    """One look at a run."""

    run_state: str
    tasks: tuple[TaskInstance, ...]
    nodes: tuple[NodeSeen, ...]
    steps_in_all: int

    @property
    def finished(self) -> bool:
        return self.run_state in ("success", "failed")

    @property
    def steps_done(self) -> int:
        return sum(task.state in ("success", "skipped") for task in self.tasks)

    @property
    def failed(self) -> list[TaskInstance]:
        """Failed themselves, the first first; not those that only wait for them."""
        failed = [task for task in self.tasks if task.state == "failed" and task.step != "report"]
        return sorted(failed, key=lambda task: task.ended.timestamp() if task.ended else 0.0)

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
        control_plane = {task.label for task in self.tasks if task.group == "backup"}
        return column != "backup" or not control_plane or node in control_plane


def steps_in_all(control_plane: Iterable[bool]) -> int:
    """How many task instances a run will have, before Airflow has mapped them; one flag per node."""
    run = len(BEFORE) + len(_HIDDEN) + len(AFTER)
    return run + sum(
        len(GROUPS[group])
        for is_control_plane in control_plane
        for group in (CONTROL_PLANE_NODE if is_control_plane else WORKER_NODE)
    )


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
