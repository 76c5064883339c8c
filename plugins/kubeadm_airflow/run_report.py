"""What has become of a run so far: gathered from Airflow and from the cluster, and written down."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow.sdk import Context

from kubeadm_airflow.endings import Ending
from kubeadm_airflow.identity import run_of
from kubeadm_airflow.last_look import keep_last_look
from kubeadm_airflow.only_for_pages import only_for_pages
from kubeadm_upgrade import report, to_be_continued
from kubeadm_upgrade.assignment import RunId
from kubeadm_upgrade.board.cells import BY_HAND
from kubeadm_upgrade.board.work import work_seconds
from kubeadm_upgrade.board.xcoms import outcomes_in
from kubeadm_upgrade.facts import NodeFacts
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.inventory import load_cluster_named
from kubeadm_upgrade.procedure import TASKS
from kubeadm_upgrade.verify import NOTHING_LEFT, Left, Result, left_behind, shortcomings, still_to_do, unsettled

RUN_TASKS = ("due", "claim", "look", "plan", "preflight", "approve", "window", "verify", "next_hop")
STEP_TASKS = tuple(f"{group}.{task.name}" for group, tasks in TASKS.items() for task in tasks)
DONE = "success"  # nothing else: a skipped step is one that somebody has kept from being done
FAILURE = "failure"  # the XCom in which a failed task says why

Json = Mapping[str, Any]
Task = tuple[str, int]  # task id and map index; -1: not mapped

log = logging.getLogger(__name__)


async def write_report(context: Context, cluster: str) -> tuple[dict[str, Any], Path, Path]:
    """The report, its Markdown and its JSON, each replaced as a whole: an earlier report of this run is forgotten."""
    written = await collect(context, cluster)
    markdown, plain = report.paths(context["dag"].dag_id, str(context["run_id"]))
    report.write(markdown, report.as_markdown(written))
    report.write(plain, json.dumps(written, indent=2) + "\n")
    return written, markdown, plain


def durations_of(written: Json) -> dict[str, list[float]]:
    """Step -> how long it took on each node, in seconds, where something was done; without somebody else's time."""
    found: dict[str, list[float]] = {}
    for outcome in written["outcomes"]:
        if outcome["status"] == "changed" and "seconds" in outcome:
            found.setdefault(outcome["step"], []).append(round(work_seconds(outcome), 1))
    return found


def failure_of(task_id: str, map_index: int, error: BaseException | str | None) -> Json:
    """Why a task has failed and what to do about it, for its XCom; and when: of many only some tell people."""
    ending = Ending.of(error)
    why = "\n".join((ending.what, *ending.said))
    plain = {"task": task_id, "map_index": map_index, "why": why, "do": ending.do, "at": datetime.now(UTC).isoformat()}
    beside = {"ruled_out": ending.is_ruled_out, "done": list(ending.done)}
    return plain | {name: value for name, value in beside.items() if value}


async def collect(context: Context, cluster: str) -> dict[str, Any]:
    ti: Any = context["ti"]
    plain = await ti.axcom_pull(task_ids="plan")
    hop = Hop.from_json(plain) if plain else None
    state = await ti.axcom_pull(task_ids="look") or {"nodes": []}
    before = {node["name"]: node["kubelet"] for node in state["nodes"]}
    dry_run = bool(context["params"].get("dry_run"))
    result, unseen = await _look(cluster)
    with only_for_pages("what was seen last"):
        if result:
            keep_last_look(context, cluster, result.control_plane.cluster_version, result.nodes, result.ledger)
    outcomes, run_tasks = await _outcomes(ti), _run_tasks(context)
    failures = await _failures(ti, run_tasks)
    before_failures = [step for failure in failures.values() for step in failure.get("done", ())]
    unfinished = list(_unfinished(_left(_tasks(run_tasks, hop), outcomes), _states(context), failures))
    left = left_behind(hop, outcomes) if hop else NOTHING_LEFT
    unfinished = [task for task in unfinished if not (left and _is_left(task, left))]
    broken = [] if dry_run else _broken_promises(hop, run_of(context), result, unseen, left)
    to_do = still_to_do(hop, result, left) if hop and result else ()
    ailing = list(unsettled(hop, result)) if hop and result and not dry_run else []
    return {
        "cluster": cluster,
        "dag_id": context["dag"].dag_id,
        "run_id": str(context["run_id"]),
        "started": _instant(context["dag_run"].start_date),
        "ended": _instant(datetime.now(UTC)),
        "result": _result(dry_run, unfinished, [*broken, *ailing], left),
        "left": {"nodes": list(to_do), "why": to_be_continued.told(to_do, left.why)} if left else None,
        "may_settle": bool(ailing) and not (unfinished or broken),
        "dry_run": dry_run,
        "hop": plain,
        "plan": await ti.axcom_pull(task_ids="plan", key="page"),
        "path": await ti.axcom_pull(task_ids="plan", key="path"),
        "next_run": await ti.axcom_pull(task_ids="next_hop", key="trigger_run_id"),
        "approval": await _approval(ti),
        "findings": await ti.axcom_pull(task_ids="preflight", key="findings") or [],
        "unfinished": unfinished,
        "unseen": unseen,
        "broken_promises": [*broken, *ailing],
        "given_up": dict(result.ledger.given_up) if result and result.ledger.is_held_by(run_of(context)) else {},
        "slots": _slots(result, run_of(context)),
        "marks": result.ledger.marks | {"at": datetime.now(UTC).isoformat()} if result else None,
        "joined": await ti.axcom_pull(task_ids="verify") or [],
        "nodes": [_node(node, before) for node in result.nodes] if result else [],
        "outcomes": [*outcomes, *before_failures],
    }


async def _look(cluster: str) -> tuple[Result | None, str]:
    """The cluster as it is now, or why it could not be seen: that must not cost us the rest of the report."""
    from kubeadm_airflow.hooks.cluster_scene import look_at_result

    try:
        return await look_at_result(load_cluster_named(cluster)), ""
    except Exception as error:
        ending = Ending.of(error)
        log.warning("the nodes are missing from the report: %s", ending.what, exc_info=ending.is_mistake)
        return None, ending.what


def _is_left(task: Json, left: Left) -> bool:
    """Skipped behind a node that was left for another window; whatever else was skipped, somebody has skipped."""
    if task["state"] != "skipped":
        return False
    return task["task"] in ("verify", "next_hop") or task["node"] in left.nodes


def _broken_promises(hop: Hop | None, run: RunId, result: Result | None, unseen: str, left: Left) -> list[str]:
    """Proven anew, whatever the tasks of the run say or somebody has made them say (invariant I11)."""
    if hop is None:
        return []  # nothing was promised yet; the tasks that are missing say why
    return list(shortcomings(hop, run, result, left)) if result else [f"the result could not be proven: {unseen}"]


def _slots(result: Result | None, run: RunId) -> list[str]:
    """The nodes that this run has taken out of service, or was about to."""
    return [name for name in sorted(result.ledger.slots) if result.ledger.slot_of(name, run)] if result else []


def _node(node: NodeFacts, before: Mapping[str, str]) -> dict[str, str]:
    return {
        "name": node.name,
        "role": "control plane" if node.control_plane else "worker",
        "ready": ("Ready" if node.ready else "NotReady") + (",SchedulingDisabled" if node.unschedulable else ""),
        "kubelet": str(node.kubelet),
        "before": before.get(node.name, ""),
    }


async def _approval(ti: Any) -> Any:
    """The one that the run has gone by last."""
    told = [await ti.axcom_pull(task_ids=task, key="approval") for task in ("window", "approve")]
    return next(filter(None, told), None)


async def _outcomes(ti: Any) -> list[Json]:
    """Every step's outcome."""
    return outcomes_in(await ti.axcom_pull(task_ids=STEP_TASKS))


async def _failures(ti: Any, run_tasks: Iterable[str]) -> dict[Task, Json]:
    """What failed tasks have told of themselves."""
    pushed = await ti.axcom_pull(task_ids=(*run_tasks, *STEP_TASKS), key=FAILURE)
    return {(one["task"], one["map_index"]): one for one in pushed if one is not None}


def _states(context: Context) -> Json:
    """As Airflow names tasks here: those of a mapped group with their map index behind."""
    ti: Any = context["ti"]
    run_id = str(context["run_id"])
    states: Json = ti.get_task_states(dag_id=context["dag"].dag_id, run_ids=[run_id]).get(run_id, {})
    return states


def _run_tasks(context: Context) -> tuple[str, ...]:
    """The DAG of a file that no cluster may have for its own has none of them, and one of its own."""
    there = context["dag"].task_ids
    return tuple(name for name in RUN_TASKS if name in there) or tuple(there)


def _tasks(run_tasks: Iterable[str], hop: Hop | None) -> Iterator[tuple[Task, str | None]]:
    """Every task of the run that is worth telling, with its node."""
    for name in run_tasks:
        yield (name, -1), None
    for group, tasks in TASKS.items():
        for index, node in enumerate(hop.nodes_of(group) if hop else ()):
            for task in tasks:
                yield (f"{group}.{task.name}", index), node


def _left(tasks: Iterable[tuple[Task, str | None]], outcomes: Iterable[Json]) -> Iterator[tuple[Task, str | None]]:
    """Without the tasks that have told their outcome: one that begins anew takes back what it had told.

    Airflow's states do not decide here: when a run is marked as failed while one node waits in a step, Airflow (3.3.2)
    marks that step as failed on every node, also where it has succeeded.
    """
    done = {(f"{one['group']}.{one['task']}", one["node"]) for one in outcomes if "task" in one}
    return ((task, node) for task, node in tasks if (task[0], node) not in done)


def _unfinished(
    tasks: Iterable[tuple[Task, str | None]], states: Json, failures: Mapping[Task, Json]
) -> Iterator[Json]:
    """The tasks that did not succeed; a failed one with the reason and the remedy."""
    for (name, index), node in tasks:
        # a mapped group that is skipped as a whole is never mapped
        state = states.get(f"{name}_{index}", states.get(name)) if index >= 0 else states.get(name)
        failure = failures.get((name, index))
        if failure and state == "running":
            state = "failed"  # it is telling us of it
        if state != DONE:
            yield {"task": name, "node": node, "state": str(state)} | (_told(failure) if state == "failed" else {})


def _told(failure: Json | None) -> dict[str, Any]:
    """What a failed task has said of itself; an earlier release's says less."""
    said = failure or BY_HAND.to_json()
    return {key: said.get(key) for key in ("why", "do")} | {
        key: said[key] for key in ("at", "ruled_out") if key in said
    }


def _result(dry_run: bool, unfinished: Sequence[object], broken: Sequence[str], left: Left = NOTHING_LEFT) -> str:
    if unfinished or broken:
        return "Not finished"
    if left:
        return to_be_continued.RESULT
    return "Rehearsed" if dry_run else "Done and verified"


def _instant(time: datetime | None) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC") if time else "?"
