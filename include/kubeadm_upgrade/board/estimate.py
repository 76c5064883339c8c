"""How long a run will still take: what is left of its steps, at the pace that was measured.

First what this very run has shown, then what earlier ones have left in the cluster's ledger, then a guess. Waiting that
is somebody else's time (waits.IDLE) is in none of them: nobody can tell how long a budget keeps a Pod.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from functools import cached_property
from statistics import median

from kubeadm_upgrade.board.course import Course
from kubeadm_upgrade.board.record import TaskRecord
from kubeadm_upgrade.board.sight import Sight
from kubeadm_upgrade.procedure import GROUPS
from kubeadm_upgrade.times.usual import guess

_AT_THE_END = 20.0  # verify, next_hop and report
_BETWEEN = 2.0  # what Airflow takes from one task to the next
_STAGED_AT_ONCE = 16  # tasks that a worker of Airflow's default size has room for
_LEAST = 0.1  # of a step that takes longer than usual, this much is left for ever


def seconds_left(sight: Sight) -> float | None:
    """Until this run has ended, if nothing keeps it; None where nobody can tell."""
    if sight.record.hop is None or sight.record.dry_run:
        return None
    return round(_Estimate(sight).left)


class _Estimate:
    def __init__(self, sight: Sight) -> None:
        self._sight = sight
        self._known: dict[tuple[str, ...], float] = {}

    @property
    def left(self) -> float:
        """The groups come one after the other."""
        control_plane, workers = self._sight.control_plane, self._sight.workers
        return (
            self._at_once((*control_plane, *workers), "stage", _STAGED_AT_ONCE)
            + self._at_once(control_plane, "control_plane", 1)
            + self._at_once(control_plane, "control_plane_kubelets", 1)
            + self._at_once(workers, "workers", self._workers_at_once)
            + _AT_THE_END
        )

    @cached_property
    def _workers_at_once(self) -> int:
        """What the cluster's file said, or what is seen: it may have been changed since."""
        out = sum(one.is_out for one in self._sight.workers)
        return max(1, out, self._sight.record.pace.workers_at_once)

    def _at_once(self, nodes: Iterable[Course], group: str, lanes: int) -> float:
        """Each node takes the lane that is free first; those that are out of service have one already."""
        free = [0.0] * lanes
        for node in sorted(nodes, key=lambda one: not one.is_out):
            heapq.heappush(free, heapq.heappop(free) + self._of(node.left.get(group, ())))
        return max(free)

    def _of(self, left: tuple[TaskRecord, ...]) -> float:
        """Mostly one task is under way, and none of those after it."""
        if not left:
            return 0.0
        first, rest = left[0], left[1:]
        if any(task.started for task in rest):
            return sum(map(self._of_task, left))
        return self._of_task(first) + self._untouched(tuple([task.task_id for task in rest]))

    def _untouched(self, tasks: tuple[str, ...]) -> float:
        """The same for every node that is yet to come."""
        if tasks not in self._known:
            self._known[tasks] = sum(self._usual[task] + _BETWEEN for task in tasks)
        return self._known[tasks]

    def _of_task(self, task: TaskRecord) -> float:
        usual = self._usual[task.task_id]
        if task.step in ("next_in_line", "admit") or task.started is None or task.state is None:
            return usual + _BETWEEN
        gone = (self._sight.now - task.started).total_seconds()
        return max(usual - gone, _LEAST * usual) + _BETWEEN

    @cached_property
    def _usual(self) -> Mapping[str, float]:
        """By task id."""
        seen: dict[str, list[float]] = {}
        for course in self._sight.courses:
            for task_id, seconds in course.measured:
                seen.setdefault(task_id, []).append(seconds)
        earlier = self._sight.record.pace.durations
        names = {f"{group}.{step.name}": step.name for group, steps in GROUPS.items() for step in steps}
        return {
            task_id: median(seen.get(task_id) or earlier.get(step) or (guess(step),)) for task_id, step in names.items()
        }
