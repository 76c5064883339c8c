"""What has to be cleared so that a failed task is tried again, and the run goes on from there."""

from __future__ import annotations

import re

from kubeadm_upgrade.board.record import RunRecord, TaskRecord
from kubeadm_upgrade.board.view import Call
from kubeadm_upgrade.board.words import path_part

# Tasks that judge by what another has looked at or left: as long as that is fresh, it acts on nothing.
_FROM = {
    "plan": "look",  # what was looked at before somebody mended it
    "kubeadm_upgrade": "back_up",  # who mends it at leisure comes after the backup's hour
}
_CLEAR_AS_WELL = re.compile(r"clear its (\w+) task as well")  # as refusals say it


def retry_of(record: RunRecord, task: TaskRecord) -> Call:
    """One call: this task instance, or the one it builds on, and what comes after it; of a node, nobody else's."""
    name = f"{task.group}.{_first(task)}".lstrip(".")
    return Call(
        f"/api/v2/dags/{path_part(record.dag_id)}/clearTaskInstances",
        {
            "dag_run_id": record.run_id,
            "dry_run": False,
            "task_ids": [[name, task.map_index] if task.map_index >= 0 else name],
            "include_downstream": True,
            "only_failed": False,
            "reset_dag_runs": True,
            "run_on_latest_version": False,
        },
    )


def _first(task: TaskRecord) -> str:
    told = _CLEAR_AS_WELL.search(task.failure.why) if task.failure else None
    return told[1] if told else _FROM.get(task.step, task.airflow_id.rpartition(".")[2])
