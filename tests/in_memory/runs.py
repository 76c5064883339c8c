"""Runs as they are written down, made up: who is where, and the rest follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from kubeadm_upgrade.board.record import Failure, NodeRecord, RunRecord, TaskRecord, Waiting
from kubeadm_upgrade.procedure import CONTROL_PLANE_NODE, GROUPS, WORKER_NODE

NOW = datetime(2026, 11, 26, 3, 14, tzinfo=UTC)
BEFORE = ("claim", "look", "plan", "preflight", "approve")
AFTER = ("verify", "next_hop", "report")
STEP_SECONDS = 10.0
DONE = ""  # as a place: through with everything


def ago(minutes: float) -> datetime:
    return NOW - timedelta(minutes=minutes)


def a_run(control_plane: int = 1, workers: int = 3, **changes: Any) -> RunRecord:
    """Planned, and no node begun with; names are cp1… and w1…"""
    planes, others = [f"cp{n + 1}" for n in range(control_plane)], [f"w{n + 1}" for n in range(workers)]
    record = RunRecord(
        cluster="prod",
        dag_id="kubeadm_upgrade.prod",
        run_id="night",
        state="running",
        started=ago(60),
        params={"dry_run": False, "target_version": "1.29"},
        hop={"came_from": "1.28.15", "to": "1.29.15", "control_plane": planes, "workers": others, "others": []},
        path={
            "hops": [
                {
                    "came_from": "1.28.15",
                    "to": "1.29.15",
                    "control_plane": [{"nodes": planes, "kubelet": "1.28.15", "reason": "first"}],
                    "moving": [{"nodes": others, "kubelet": "1.28.15", "reason": "at the end"}],
                    "findings": [],
                }
            ]
        },
        nodes=tuple(NodeRecord(name, "1.28.15", name in planes) for name in (*planes, *others)),
        tasks=tuple(TaskRecord(name, state="success", try_number=1, started=ago(60), ended=ago(59)) for name in BEFORE)
        + tuple(TaskRecord(name) for name in AFTER),
    )
    return replace(record, **changes)


def at(record: RunRecord, places: Mapping[str, str], **task: Any) -> RunRecord:
    """Nodes by name at a place, as `workers.drain_node`: all before it is done. `task`: how the task there stands."""
    found = list(record.tasks)
    for node, place in places.items():
        found += _tasks(record, node, place, {"state": "running", "try_number": 1, "started": ago(2), **task})
    return replace(record, tasks=tuple(found))


def waiting(reason: str, kind: str, minutes: float = 11) -> dict[str, Any]:
    return {"state": "deferred", "waiting": Waiting(reason, ago(minutes), kind)}


def failed(why: str, do: str = "mend this, then clear this task: the run goes on from here") -> dict[str, Any]:
    return {"state": "failed", "ended": ago(11), "failure": Failure(why, do, ("a line of its journal",))}


def of_the_run(record: RunRecord, name: str, **changes: Any) -> RunRecord:
    """With one task of the run as a whole changed."""
    tasks = [replace(task, **changes) if task.task_id == name else task for task in record.tasks]
    return replace(record, tasks=tuple(tasks))


def ended(record: RunRecord, state: str = "success") -> RunRecord:
    """Over, 47 minutes after it began; its last tasks and its report as its state has it."""
    last = {"state": state, "started": ago(14), "ended": ago(13)}
    for name in AFTER:
        record = of_the_run(record, name, **last)
    kept = "Rehearsed" if record.dry_run else "Done and verified"
    report = {"result": kept if state == "success" else "Not finished", **(record.report or {})}
    return replace(record, state=state, ended=ago(13), report=report)


def _tasks(record: RunRecord, node: str, place: str, there: Mapping[str, Any]) -> list[TaskRecord]:
    groups = CONTROL_PLANE_NODE if node in record.nodes_of("control_plane") else WORKER_NODE
    order = [(group, step.name) for group in groups for step in GROUPS[group]]
    found, begun = [], ago(50)
    for group, step in order:
        key = f"{group}.{step}", record.index_of(node, group)
        if f"{group}.{step}" == place:
            found.append(TaskRecord(*key, **there))
            break
        over = begun + timedelta(seconds=STEP_SECONDS)
        outcome = {"step": step, "node": node, "group": group, "status": "changed", "seconds": STEP_SECONDS}
        found.append(TaskRecord(*key, "success", 1, begun, over, outcome=outcome))
        begun = over
    return found
