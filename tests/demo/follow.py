"""Watch the runs of a path until the last one ends, and say why when one ends badly."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import httpx

from demo.complaint import Complaint, RunFailed
from demo.journey import Journey
from demo.kubernetes import KubernetesNodes
from demo.progress import NodeSeen, Progress
from demo.runs import Runs
from demo.world import World
from harness.airflow import AirflowInstance
from harness.rest import ApiError, LogLine, TaskInstance
from kubeadm_upgrade.version import TargetVersion, Version

PULSE = 1.0
# Far beyond what any step of the demo waits for: a node back after its kubelet's restart takes seconds.
STANDSTILL = 240.0
# Longer than the scheduler takes from one task to the next.
HESITATION = 10.0

Show = Callable[[Progress, str], None]


class Follower:
    """One cluster's runs, one hop after the other, from the run that a person has started."""

    def __init__(self, world: World, airflow: AirflowInstance, nodes: KubernetesNodes, run_id: str) -> None:
        self._world = world
        self._api = airflow.api
        self._url = airflow.url
        self._dag_id = world.wishes.dag_id
        self.runs = Runs(airflow.api, self._dag_id, run_id, Journey.unplanned(world.nodes))
        self.nodes = nodes

    @property
    def page(self) -> str:
        """The run under way in Airflow's UI."""
        return f"{self._url}/dags/{self._dag_id}/runs/{self.runs.id}"

    def watch(self, show: Show) -> Progress:
        """Show every change, until the last run is over or waits for a person; returns the last look.

        Complains when nothing changes for too long.
        """
        moved, before, progress = time.monotonic(), object(), None
        while progress is None or not progress.finished:
            if progress is not None:
                time.sleep(PULSE)
            progress = self._look() or progress
            if progress is not None:
                show(progress, self._last_words(progress))
                if progress.fingerprint() != before:
                    moved, before = time.monotonic(), progress.fingerprint()
            still = time.monotonic() - moved
            if progress is not None and progress.waits_for_person and still > HESITATION:
                break
            if still > STANDSTILL:
                raise Complaint(self._why_nothing_moves(progress))
        return progress

    def check(self, progress: Progress) -> tuple[NodeSeen, ...]:
        """The nodes, if all is as it should be; else a complaint with the reason."""
        if progress.run_state != "success":
            raise RunFailed(self._why_failed(progress))
        nodes, target = self.nodes.look(), TargetVersion.parse(self._world.wishes.target)
        wrong = [node for node in nodes if node.status != "Ready" or not target.accepts(Version.parse(node.kubelet))]
        if wrong or not nodes:
            seen = ", ".join(f"{node.name} is {node.status} at {node.kubelet}" for node in wrong)
            raise Complaint(f"Airflow says success, but the cluster does not: {seen or 'it has no nodes'}.")
        return nodes

    def wait_until_cleared(self) -> None:
        """Until somebody has cleared the failed task in Airflow."""
        progress = None
        while progress is None or progress.finished or progress.waits_for_person:
            time.sleep(PULSE)
            progress = self._look() or progress

    def _look(self) -> Progress | None:
        self._world.check_alive()
        return self.runs.look(self.nodes.look())

    def _last_words(self, progress: Progress) -> str:
        """What the task at work has logged last."""
        task = progress.at_work
        if task is None:
            return ""
        lines = [line for line in self._log(task) if line.level in ("info", "warning", "error")]
        # Airflow calls a mapped task by its number until it knows better
        who = task.label if task.label in self._world.nodes else self._world.wishes.cluster
        own = next((line.text for line in reversed(lines) if line.text.startswith(f"{who}: ")), "")
        what = own.removeprefix(f"{who}: ").splitlines()[0] if own else task.step
        return f"{who}  {what}"

    def _why_failed(self, progress: Progress) -> str:
        if not progress.failed:
            return f"The run has failed without a failed task: see {self.page}"
        task = progress.failed[0]
        errors = [line for line in self._log(task) if line.level in ("error", "critical")]
        reason = "\n".join(line.text for line in errors[-2:]) or "see its log"  # what is wrong, and what to do
        where = f" on {task.label}" if task.label else ""
        log = self._page_of(task) if self._world.wishes.live else self._log_file(task)
        return f"{task.step} has failed{where}.\n{reason}\nIts log: {log}"

    def _why_nothing_moves(self, progress: Progress | None) -> str:
        if progress is None:
            return "Airflow's API does not answer."
        words = self._last_words(progress)
        return f"Nothing has moved for {STANDSTILL:.0f} s. Last: {words or progress.run_state}. See {self.page}"

    def _log_file(self, task: TaskInstance) -> Path:
        """What is left when Airflow has been stopped."""
        mapped = f"map_index={task.map_index}" if task.map_index >= 0 else ""
        run = self._world.folder / "airflow" / "logs" / f"dag_id={self._dag_id}" / f"run_id={self.runs.id}"
        return run / f"task_id={task.task_id}" / mapped / f"attempt={max(1, task.try_number)}.log"

    def _page_of(self, task: TaskInstance) -> str:
        mapped = f"/mapped/{task.map_index}" if task.map_index >= 0 else ""
        return f"{self.page}/tasks/{task.task_id}{mapped}"

    def _log(self, task: TaskInstance) -> list[LogLine]:
        try:
            return self._api.log(self._dag_id, self.runs.id, task.task_id, task.map_index, max(1, task.try_number))
        except (httpx.HTTPError, ApiError):
            return []
