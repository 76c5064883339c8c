"""Write the report of a run, whatever became of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import BaseAsyncOperator, Context

from kubeadm_upgrade import report
from kubeadm_upgrade.errors import UpgradeError
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.inventory import load_cluster_named
from kubeadm_upgrade.procedure import GROUPS

RUN_TASKS = ("look", "plan", "preflight", "verify", "next_hop")
DONE = ("success", "skipped", "removed")


class ReportOperator(BaseAsyncOperator):
    """Write what the run did to the reports directory. As a teardown it runs after a failure too."""

    ui_color = "#f1eef8"

    def __init__(self, *, cluster: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cluster = cluster

    async def aexecute(self, context: Context) -> dict[str, str]:
        written = await self._collect(context)
        markdown, plain = report.paths(context["dag"].dag_id, str(context["run_id"]))
        report.write(markdown, report.as_markdown(written))
        report.write(plain, json.dumps(written, indent=2) + "\n")
        self.log.info("report: %s", markdown)
        return {"markdown": str(markdown), "json": str(plain)}

    async def _collect(self, context: Context) -> dict[str, Any]:
        ti: Any = context["ti"]
        hop = await ti.axcom_pull(task_ids="plan")
        state = await ti.axcom_pull(task_ids="look") or {"nodes": []}
        before = {node["name"]: node["kubelet"] for node in state["nodes"]}
        unfinished = list(_unfinished(context, Hop.from_json(hop) if hop else None))
        return {
            "cluster": self.cluster,
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
            "nodes": await self._nodes(before),
            "outcomes": await _outcomes(ti),
        }

    async def _nodes(self, before: dict[str, str]) -> list[dict[str, str]]:
        """The nodes as they are now; an API that does not answer must not cost us the rest of the report."""
        from kubeadm_airflow.hooks.cluster_scene import look_at_result

        try:
            nodes, _, _ = await look_at_result(load_cluster_named(self.cluster))
        except UpgradeError as error:
            self.log.warning("the nodes are missing from the report: %s", error)
            return []
        return [
            {
                "name": node.name,
                "role": "control plane" if node.control_plane else "worker",
                "ready": ("Ready" if node.ready else "NotReady")
                + (",SchedulingDisabled" if node.unschedulable else ""),
                "kubelet": str(node.kubelet),
                "before": before.get(node.name, ""),
            }
            for node in nodes
        ]


async def _outcomes(ti: Any) -> list[dict[str, Any]]:
    """Every step's outcome. What a trigger pushed comes back as JSON text, what a worker pushed as it was."""
    task_ids = [f"{group}.{step.name}" for group, steps in GROUPS.items() for step in steps]
    pushed = await ti.axcom_pull(task_ids=task_ids)
    return [json.loads(value) if isinstance(value, str) else value for value in pushed if value is not None]


def _unfinished(context: Context, hop: Hop | None) -> Iterator[dict[str, str | None]]:
    """The tasks of this run that did not succeed, by node."""
    ti: Any = context["ti"]
    run_id = str(context["run_id"])
    states = ti.get_task_states(dag_id=context["dag"].dag_id, run_ids=[run_id]).get(run_id, {})
    for task in RUN_TASKS:
        if (state := states.get(task)) not in DONE:
            yield {"task": task, "node": None, "state": str(state)}
    for group, steps in GROUPS.items():
        for index, node in enumerate(hop.nodes_of(group) if hop else ()):
            for step in steps:
                if (state := states.get(f"{group}.{step.name}_{index}")) not in DONE:
                    yield {"task": f"{group}.{step.name}", "node": node, "state": str(state)}


def _result(hop: dict[str, Any] | None, unfinished: Sequence[object]) -> str:
    if unfinished:
        return "Not finished"
    return "Rehearsed" if hop and hop["dry_run"] else "Done and verified"


def _instant(time: datetime | None) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if time else "?"
