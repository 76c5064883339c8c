"""What has become of a run so far: gathered from Airflow and from the cluster, and written down."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow.sdk import Context

from kubeadm_upgrade import report
from kubeadm_upgrade.errors import UpgradeError
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.inventory import load_cluster_named
from kubeadm_upgrade.procedure import GROUPS

RUN_TASKS = ("look", "plan", "preflight", "verify", "next_hop")
STEP_TASKS = tuple(f"{group}.{step.name}" for group, steps in GROUPS.items() for step in steps)
DONE = ("success", "skipped", "removed")
FAILURE = "failure"  # the XCom in which a failed task says why

Json = Mapping[str, Any]
Task = tuple[str, int]  # task id and map index; -1: not mapped

log = logging.getLogger(__name__)


async def write_report(context: Context, cluster: str) -> tuple[Path, Path]:
    """The Markdown and the JSON, each replaced as a whole: an earlier report of this run is forgotten."""
    written = await _collect(context, cluster)
    markdown, plain = report.paths(context["dag"].dag_id, str(context["run_id"]))
    report.write(markdown, report.as_markdown(written))
    report.write(plain, json.dumps(written, indent=2) + "\n")
    return markdown, plain


def failure_of(task_id: str, map_index: int, error: BaseException | str | None) -> Json:
    """Why a task has failed, for its XCom. Only our own sentences are known to hold no secret."""
    why = str(error) if isinstance(error, UpgradeError) else f"{type(error).__name__}, see its log"
    return {"task": task_id, "map_index": map_index, "why": why}


async def _collect(context: Context, cluster: str) -> dict[str, Any]:
    ti: Any = context["ti"]
    hop = await ti.axcom_pull(task_ids="plan")
    state = await ti.axcom_pull(task_ids="look") or {"nodes": []}
    before = {node["name"]: node["kubelet"] for node in state["nodes"]}
    tasks = _tasks(Hop.from_json(hop) if hop else None)
    unfinished = list(_unfinished(tasks, _states(context), await _failures(ti)))
    return {
        "cluster": cluster,
        "dag_id": context["dag"].dag_id,
        "run_id": str(context["run_id"]),
        "started": _instant(context["dag_run"].start_date),
        "ended": _instant(datetime.now(UTC)),
        "result": _result(hop, unfinished),
        "hop": hop,
        "plan": await ti.axcom_pull(task_ids="plan", key="page"),
        "path": await ti.axcom_pull(task_ids="plan", key="path"),
        "next_run": await ti.axcom_pull(task_ids="next_hop", key="trigger_run_id"),
        "findings": await ti.axcom_pull(task_ids="preflight", key="findings") or [],
        "unfinished": unfinished,
        "nodes": await _nodes(cluster, before),
        "outcomes": await _outcomes(ti),
    }


async def _nodes(cluster: str, before: Mapping[str, str]) -> list[dict[str, str]]:
    """The nodes as they are now; an API that does not answer must not cost us the rest of the report."""
    from kubeadm_airflow.hooks.cluster_scene import look_at_result

    try:
        nodes, _, _ = await look_at_result(load_cluster_named(cluster))
    except UpgradeError as error:
        log.warning("the nodes are missing from the report: %s", error)
        return []
    return [
        {
            "name": node.name,
            "role": "control plane" if node.control_plane else "worker",
            "ready": ("Ready" if node.ready else "NotReady") + (",SchedulingDisabled" if node.unschedulable else ""),
            "kubelet": str(node.kubelet),
            "before": before.get(node.name, ""),
        }
        for node in nodes
    ]


async def _outcomes(ti: Any) -> list[Json]:
    """Every step's outcome. What a trigger pushed comes back as JSON text, what a worker pushed as it was."""
    pushed = await ti.axcom_pull(task_ids=STEP_TASKS)
    return [json.loads(value) if isinstance(value, str) else value for value in pushed if value is not None]


async def _failures(ti: Any) -> dict[Task, str]:
    pushed = await ti.axcom_pull(task_ids=(*RUN_TASKS, *STEP_TASKS), key=FAILURE)
    return {(one["task"], one["map_index"]): one["why"] for one in pushed if one is not None}


def _states(context: Context) -> Json:
    """As Airflow names tasks here: those of a mapped group with their map index behind."""
    ti: Any = context["ti"]
    run_id = str(context["run_id"])
    states: Json = ti.get_task_states(dag_id=context["dag"].dag_id, run_ids=[run_id]).get(run_id, {})
    return states


def _tasks(hop: Hop | None) -> Iterator[tuple[Task, str | None]]:
    """Every task of the run that is worth telling, with its node."""
    for name in RUN_TASKS:
        yield (name, -1), None
    for group, steps in GROUPS.items():
        for index, node in enumerate(hop.nodes_of(group) if hop else ()):
            for step in steps:
                yield (f"{group}.{step.name}", index), node


def _unfinished(tasks: Iterable[tuple[Task, str | None]], states: Json, failures: Mapping[Task, str]) -> Iterator[Json]:
    """The tasks that did not succeed; a failed one with the reason."""
    for (name, index), node in tasks:
        state, why = states.get(f"{name}_{index}" if index >= 0 else name), failures.get((name, index))
        if why and state == "running":
            state = "failed"  # it is telling us of it
        if state not in DONE:
            yield {"task": name, "node": node, "state": str(state)} | (
                {"why": why} if state == "failed" and why else {}
            )


def _result(hop: Json | None, unfinished: Sequence[object]) -> str:
    if unfinished:
        return "Not finished"
    return "Rehearsed" if hop and hop["dry_run"] else "Done and verified"


def _instant(time: datetime | None) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if time else "?"
