"""Which steps share a task of Airflow.

A task costs Airflow most of a second of a core, and its scheduler looks at each one that is still to come, again and
again (docs/scale.md). So of nodes of which there may be hundreds, steps that are cleared together anyway are one task.
It has the name of one of its steps, performs them in their order, and tells the outcome of each.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from kubeadm_upgrade.steps import Step

Json = Mapping[str, Any]

# task group -> task -> its steps; every other step is a task of its own
_SHARED: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "stage": {"stage_packages": ("switch_package_repository", "stage_packages", "stage_images")},
    "workers": {
        "drain_node": ("next_in_line", "upgrade_kubeadm", "kubeadm_upgrade_node", "admit", "drain_node"),
        "upgrade_kubelet_and_kubectl": ("upgrade_kubelet_and_kubectl", "restart_kubelet"),
    },
}
_TASK_OF = {(group, step): task for group, tasks in _SHARED.items() for task, steps in tasks.items() for step in steps}

# what a step has come to that ends its task: the node has gone, or is left for a later run
_LAST = frozenset({"gone", "left"})


class Task(NamedTuple):
    """One task of a task group, and the steps that it performs on a node."""

    name: str
    steps: tuple[Step, ...]

    def after(self, step: str, status: str) -> Step | None:
        """The step that comes next; None where the task is through."""
        names = [one.name for one in self.steps]
        rest = self.steps[names.index(step) + 1 :]
        return rest[0] if rest and status not in _LAST else None


def task_of(group: str, step: str) -> str:
    """The name of the task that performs a step; of one that nobody knows, its own."""
    return _TASK_OF.get((group, step), step)


def tasks_of(group: str, steps: Iterable[Step]) -> tuple[Task, ...]:
    """The tasks of a group, in the order of its steps."""
    by_task = groupby(steps, lambda step: task_of(group, step.name))
    return tuple(Task(name, tuple(together)) for name, together in by_task)


def clear_as_well(step: str, *, control_plane: bool) -> str:
    """What a refusal asks for where an earlier step has to be done again: board/retry.py reads it."""
    return f"clear its {step if control_plane else task_of('workers', step)} task as well"


def with_earlier(done: Sequence[Json], earlier: Iterable[Json]) -> list[Json]:
    """Outcomes of a task that was tried again: what an earlier try has changed, this one finds unchanged."""
    before = {one["step"]: one for one in earlier if one.get("status") == "changed"}
    return [before.get(one["step"], one) if one.get("status") == "unchanged" else one for one in done]
