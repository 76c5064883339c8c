"""How long a run will still take: what is left of its steps, at the pace that was measured.

First what this very run has shown, then what earlier ones have left in the cluster's ledger, then a guess. Waiting that
is somebody else's time (waits.IDLE) is in none of them: nobody can tell how long a budget keeps a Pod.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from functools import cached_property
from statistics import median

from kubeadm_upgrade.board.course import SETTLED, Course
from kubeadm_upgrade.board.record import TaskRecord
from kubeadm_upgrade.board.sight import Sight
from kubeadm_upgrade.procedure import GROUPS
from kubeadm_upgrade.waits import idle_seconds

# Before there is any history: seconds on middling machines.
GUESSES: Mapping[str, float] = {
    "switch_package_repository": 10,
    "stage_packages": 30,
    "admit": 2,
    "back_up": 15,
    "upgrade_kubeadm": 15,
    "kubeadm_upgrade_plan": 10,
    "configure_etcd": 3,
    "kubeadm_upgrade": 120,
    "control_plane_ready": 30,
    "kubeadm_upgrade_node": 15,
    "drain_node": 45,
    "upgrade_kubelet_and_kubectl": 25,
    "restart_kubelet": 10,
    "node_ready": 15,
    "static_pods_ready": 60,
    "uncordon_node": 3,
}
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
        for seconds, _ in sorted(((self._of(node, group), not node.is_out) for node in nodes), key=lambda one: one[1]):
            heapq.heappush(free, heapq.heappop(free) + seconds)
        return max(free)

    def _of(self, node: Course, group: str) -> float:
        return sum(self._of_task(task) for task in node.of(group) if task.state not in SETTLED)

    def _of_task(self, task: TaskRecord) -> float:
        usual = self._usual(task.group, task.step)
        if task.step == "admit" or task.started is None or task.state is None:
            return usual + _BETWEEN
        gone = (self._sight.now - task.started).total_seconds()
        return max(usual - gone, _LEAST * usual) + _BETWEEN

    def _usual(self, group: str, step: str) -> float:
        if (group, step) not in self._measured:
            seconds = self._seen.get((group, step)) or self._sight.record.pace.durations.get(step)
            self._measured[group, step] = median(seconds) if seconds else GUESSES.get(step, 10.0)
        return self._measured[group, step]

    @cached_property
    def _measured(self) -> dict[tuple[str, str], float]:
        return {}

    @cached_property
    def _seen(self) -> Mapping[tuple[str, str], list[float]]:
        """Of this run, where something was done; a step that had nothing to do is no measure of one that has."""
        found: dict[tuple[str, str], list[float]] = {}
        for task in self._sight.record.tasks:
            if task.outcome and task.outcome.get("status") == "changed" and task.group in GROUPS:
                found.setdefault((task.group, task.step), []).append(work_seconds(task.outcome))
        return found


def work_seconds(outcome: Mapping[str, object]) -> float:
    """How long a step took, without what was somebody else's time."""
    seconds, waited = outcome.get("seconds"), outcome.get("waited")
    idle = idle_seconds(waited) if isinstance(waited, list) else 0.0
    return max(0.0, float(seconds) - idle) if isinstance(seconds, int | float) else 0.0
