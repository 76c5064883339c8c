"""What may be done to a run now: calls of Airflow's own REST API, each of which is asked about once."""

from __future__ import annotations

from collections.abc import Iterator

from kubeadm_upgrade.approval.answer import APPROVE, REASON, REFUSE, WAIVE
from kubeadm_upgrade.board.columns import title
from kubeadm_upgrade.board.course import WORKER, Course
from kubeadm_upgrade.board.record import TaskRecord
from kubeadm_upgrade.board.retry import retry_of
from kubeadm_upgrade.board.sight import Sight
from kubeadm_upgrade.board.state import pause_of
from kubeadm_upgrade.board.view import Action, Call, Row, State
from kubeadm_upgrade.board.words import path_part
from kubeadm_upgrade.waits import Wait

_UPGRADES, _STEERS, _DELETES = "kubeadm_upgrade.", "kubeadm_steer.", "kubeadm_delete_pods."
_DRAIN = "drain_node"
_REASON = "{reason}"  # replaced by what is typed
_OF_A_RUN = ("abort", "give_up", "take_back")  # a pause is the cluster's


def actions_of(sight: Sight, state: State) -> tuple[Action, ...]:
    """Nothing is offered that would change nothing."""
    of_nodes = (*_of_nodes(sight, state), *_of_drains(sight))
    return (*_answers(sight), *_retries(sight), *_of_the_run(sight, state), *of_nodes)


def _answers(sight: Sight) -> Iterator[Action]:
    """Of whoever is asked: Airflow knows who that is, and refuses everybody else."""
    task, cluster = sight.asking, sight.record.cluster
    if task is None or sight.record.is_over:
        return
    waive = list(sight.record.blocks)
    waiving = f", and pass over what preflight has found ({', '.join(waive)})" if waive else ""
    ask = f"Agree to the upgrade of {cluster} as the plan shows it{waiving}? The run goes on."
    label = f"Approve, waiving {', '.join(waive)}" if waive else "Approve"
    yield Action("approve", label, ask, _answer(sight, task, APPROVE, waive), needs="reason")
    ask = f"Refuse the upgrade of {cluster}? The run ends failed, and no node was touched."
    yield Action("refuse", "Refuse", ask, _answer(sight, task, REFUSE, []), needs="reason")


def _answer(sight: Sight, task: TaskRecord, option: str, waive: list[str]) -> Call:
    """The call that the buttons of Airflow's own page make."""
    run = f"/api/v2/dags/{path_part(sight.record.dag_id)}/dagRuns/{path_part(sight.record.run_id)}"
    body = {"chosen_options": [option], "params_input": {REASON: _REASON, WAIVE: waive}}
    return Call(f"{run}/taskInstances/{path_part(task.task_id)}/{task.map_index}/hitlDetails", body, "PATCH")


def _retries(sight: Sight) -> Iterator[Action]:
    for failed in sight.failures:
        node = failed.course.name if failed.course else None
        where = f" on {node}" if node else ""
        yield Action(
            f"retry:{failed.task.task_id}:{failed.task.map_index}",
            f"Retry {title(failed.task.step)}{where}",
            "Try it again? It looks first at what is done, and the run goes on from there.",
            retry_of(sight.record, failed.task),
            node=node,
        )


def _of_the_run(sight: Sight, state: State) -> Iterator[Action]:
    cluster = sight.record.cluster
    if pause_of(sight) is not None and not sight.record.is_over:
        yield Action("resume", "Resume", f"Let the upgrade of {cluster} go on?", _steer(sight, "resume"))
    if sight.record.is_over or state is State.ABORTED or sight.record.dry_run:
        return
    if pause_of(sight) is None:
        ask = f"Pause the upgrade of {cluster}? Nodes that are out of service are finished; nothing new begins."
        yield Action("pause", "Pause", ask, _steer(sight, "pause", reason=True), needs="reason")
    ask = (
        f"Abort this run? Nodes that are out of service are finished, and the run ends; a new run of {cluster} takes "
        "what is left."
    )
    if sight.asking is not None:
        ask += " It waits for an answer, and ends once somebody has given one: refuse it as well."
    yield Action("abort", "Abort", ask, _steer(sight, "abort", reason=True), needs="reason")


def _of_nodes(sight: Sight, state: State) -> Iterator[Action]:
    """Workers only: without one of its nodes the control plane cannot go on."""
    if sight.record.is_over or state is State.ABORTED or sight.record.dry_run:
        return
    for row in sight.rows:
        if row.state == "given_up":
            ask = f"Take {row.name} back into this run? Clear its failed task as well, where it has one."
            yield Action(
                f"take_back:{row.name}",
                f"Take back {row.name}",
                ask,
                _steer(sight, "take_back", row.name),
                node=row.name,
            )
        elif _may_be_given_up(row, sight.course_of(row.name)):
            ask = f"Give {row.name} up for this run? It stays as it is, cordoned if it was, and is in nobody's way."
            call = _steer(sight, "give_up", row.name, reason=True)
            yield Action(f"give_up:{row.name}", f"Give up {row.name}", ask, call, needs="reason", node=row.name)


def _of_drains(sight: Sight) -> Iterator[Action]:
    """Also of a run that has ended with it: it is asked before the drain is tried again."""
    for row in sight.rows if not sight.record.dry_run else ():
        if row.state == "given_up" or not _is_blocked(sight.course_of(row.name)):
            continue
        ask = (
            f"Have somebody asked whether the drain of {row.name} may delete what no budget lets go? They are shown "
            "which Pods, and what is never deleted. Nothing is before they agree."
        )
        conf = {"node": row.name, "reason": _REASON, "run": sight.record.run_id}
        call = _order(sight, _DELETES, conf)
        yield Action(f"delete_pods:{row.name}", f"Ask to delete Pods of {row.name}", ask, call, "reason", row.name)


def _is_blocked(course: Course) -> bool:
    """Whether its drain has failed, or waits for Pods."""
    task = course.failed or course.current
    if task is None or task.step != _DRAIN:
        return False
    return task.state == "failed" or (task.waiting is not None and task.waiting.kind == Wait.PODS)


def _may_be_given_up(row: Row, course: Course) -> bool:
    """Whoever holds the others up: not one that is merely not yet due."""
    return course.role == WORKER and row.state in ("failed", "waiting")


def _steer(sight: Sight, action: str, node: str = "", *, reason: bool = False) -> Call:
    conf = {"action": action} | ({"node": node} if node else {}) | ({"reason": _REASON} if reason else {})
    if action in _OF_A_RUN:
        conf["run"] = sight.record.run_id
    return _order(sight, _STEERS, conf)


def _order(sight: Sight, dags: str, conf: dict[str, str]) -> Call:
    """A run of another of the cluster's DAGs."""
    dag = path_part(sight.record.dag_id.replace(_UPGRADES, dags, 1))
    return Call(f"/api/v2/dags/{dag}/dagRuns", {"logical_date": None, "conf": conf})
