"""The DAG of one cluster: one run is one hop."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from airflow.sdk import (
    DAG,
    ExceptionRetryPolicy,
    Param,
    RetryAction,
    RetryRule,
    TaskGroup,
    chain,
    task_group,
)

from kubeadm_airflow.endings import EndedForAPerson
from kubeadm_airflow.notifiers import LastLines, ReportSoFar, RunFailed
from kubeadm_airflow.operators.approve import ApproveOperator
from kubeadm_airflow.operators.claim import ClaimOperator
from kubeadm_airflow.operators.due import DueOperator
from kubeadm_airflow.operators.next_hop import NextHopOperator
from kubeadm_airflow.operators.report import ReportOperator
from kubeadm_airflow.operators.run import LookOperator, NodesOperator, PlanOperator, PreflightOperator, VerifyOperator
from kubeadm_airflow.operators.step import StepOperator
from kubeadm_airflow.operators.window import WindowOperator
from kubeadm_airflow.sensors import ControlPlaneReadySensor, NodeReadySensor, StaticPodsReadySensor
from kubeadm_airflow.timetable import BEGINS, WindowTimetable
from kubeadm_upgrade import labels
from kubeadm_upgrade.inventory import Cluster
from kubeadm_upgrade.ledger.steering import steering_dag
from kubeadm_upgrade.procedure import TASKS
from kubeadm_upgrade.version import TARGET_PATTERN
from kubeadm_upgrade.windows.calendar import Calendar
from upgrade_dags.finish import BOARD, FLEET, finished

PREFIX = "kubeadm_upgrade."
TAGS = ("kubeadm-upgrade",)

_NO_ID = re.compile(r"[^A-Za-z0-9_.-]|(?<=\.)\.")
_LONGEST_ID = 250

ONLY_WHAT_TIME_CAN_CURE = ExceptionRetryPolicy(
    rules=[RetryRule(exception=EndedForAPerson, action=RetryAction.FAIL, reason="only a person can cure this")]
)

# Of tasks that prove a result, give the cluster back, or look once more before a whole night's work: what is not well
# now mostly is in two minutes.
PATIENT = 8

# The form takes a field for required unless its type may be null, and makes null of a list that somebody has emptied.
_LIST_OR_NOTHING = ["null", "array"]

# A pattern that is not met is told as the pattern; what is none of an enum, as the enum.
_A_TARGET_VERSION = {
    "if": {"not": {"pattern": TARGET_PATTERN}},
    "then": {"enum": ["a minor release, as 1.29", "a version, as 1.29.4"]},
}

SENSORS = {
    "node_ready": NodeReadySensor,
    "static_pods_ready": StaticPodsReadySensor,
    "control_plane_ready": ControlPlaneReadySensor,
}

GROUP_DOCS = {
    "stage": "Every node of this run: its package repository, and its packages fetched. Nothing that runs changes.",
    "control_plane": "The control plane, one node after the other: backup, kubeadm, static Pods.",
    "control_plane_kubelets": "Kubelets of the control plane, one node after the other, after the last apiserver.",
    "workers": "Workers: drain, kubelet, uncordon. As many at a time as the cluster's file says (max_unavailable).",
}

DOC = """
**[Board]({board})**: the newest run, node by node. **[Fleet]({fleet})**: all clusters. Each run has its own board, and
its report, as tabs. To pause, resume or abort it, or to give a worker up: [{steer}](dags/{steer}). Whether a run is
possible: [kubeadm_check.{name}](dags/kubeadm_check.{name}). How hosts and the API are reached is in
`docs/connections.md`; who has the cluster, and what holds a run up, in `docs/ledger.md`.

Upgrades the kubeadm cluster **{name}**, in the order of
[the official page](https://kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-upgrade/). One run is one hop of
the control plane; a run with hops left triggers the next one. The whole path is on the first run's page.

Airflow names a run by its time. One that you name yourself when you trigger it (*Run ID*, as `spring-to-1.32`) says
where it goes, and so do those that its path goes on in: `spring-to-1.32~2`, `spring-to-1.32~3`, each with a note.

The board knows every task by its node. Airflow's own lists do so once the task has begun, and show a number before: the
XComs of `control_plane_nodes` and `worker_nodes` list the nodes in that order, from 0; `stage` has the workers behind.

A task that failed can be cleared at any time: every step first looks whether it is done, and goes on from there.
A node that failed stays cordoned and keeps its slot until its tasks succeed.
"""


def dag_id_of(name: str) -> str:
    """An id also for a name that no cluster may have: Airflow would refuse every DAG of the file with that one."""
    return _NO_ID.sub("_", f"{PREFIX}{name}")[:_LONGEST_ID]


def tried_again(retries: int, after: timedelta = timedelta(seconds=15)) -> dict[str, Any]:
    """default_args: what only a person can cure fails at once, and each try's log ends with what is wrong."""
    return {
        "retries": retries,
        "retry_delay": after,
        "retry_policy": ONLY_WHAT_TIME_CAN_CURE,
        "on_failure_callback": LastLines(),
        "on_retry_callback": LastLines(),
    }


def tags_of(cluster: Cluster) -> list[str]:
    """Of every DAG of a cluster: ours, and its labels."""
    return [*TAGS, *labels.tags_of(cluster.labels)]


def build_cluster_dag(cluster: Cluster, ignored: Sequence[str] = ()) -> DAG:
    """The DAG of a file that can be used. `ignored`: files that are not read, to be told."""
    settings: dict[str, Any] = {"deadline": _deadline(cluster)} if cluster.notify.late_after else {}
    return build_upgrade_dag(
        cluster.name,
        description=f"Upgrade kubeadm cluster {cluster.name} to {cluster.target_version}, or where a run says",
        notice="".join(f"**{sentence}.**\n\n" for sentence in ignored),
        tags=[*tags_of(cluster), *(["ignored-file"] if ignored else [])],
        params={"target_version": target_parameter(cluster), **run_parameters()},
        **_opened_by(cluster.calendar),
        **settings,
    )


def _opened_by(calendar: Calendar) -> dict[str, Any]:
    """The schedule, where windows open runs; else runs are started by people alone."""
    if calendar.is_always or not calendar.opens_runs:
        return {"schedule": None}
    return {"schedule": WindowTimetable(calendar), "start_date": BEGINS, "catchup": False}


def _deadline(cluster: Cluster) -> Any:
    from kubeadm_airflow.late import deadline_of  # what few clusters have

    return deadline_of(cluster)


def build_upgrade_dag(name: str, *, notice: str, **settings: Any) -> DAG:
    """Shape only, the same whatever the file of the cluster says: Airflow forgets the tasks that a DAG loses.

    What the nodes are is found out when the DAG runs. `notice` goes before the docs.
    """
    with DAG(
        dag_id_of(name),
        doc_md=notice + _doc(name),
        max_active_runs=1,
        default_args=tried_again(2) | {"on_failure_callback": ReportSoFar(cluster=name)},
        **settings,
    ) as dag:
        look = LookOperator(task_id="look", cluster=name)
        chain(DueOperator(task_id="due", cluster=name), ClaimOperator(task_id="claim", cluster=name), look)
        plan = PlanOperator(task_id="plan", cluster=name, state=look.output)
        control_plane = NodesOperator(task_id="control_plane_nodes", kind="control_plane", hop=plan.output)
        workers = NodesOperator(task_id="worker_nodes", kind="workers", hop=plan.output)
        everywhere = control_plane.output.concat(workers.output)

        def per_node(group: str, nodes: Any) -> TaskGroup:
            return _per_node(group, name, plan.output, nodes)

        groups = [
            per_node("stage", everywhere),
            per_node("control_plane", control_plane.output),
            per_node("control_plane_kubelets", control_plane.output),
            per_node("workers", workers.output),
        ]
        verify = VerifyOperator(
            task_id="verify",
            cluster=name,
            hop=plan.output,
            trigger_rule="none_failed",
            retries=PATIENT,
        )
        # a plain all_done leaf would turn a failed run green; a teardown that fails makes it red
        report = ReportOperator(
            task_id="report",
            cluster=name,
            retries=PATIENT,
            on_failure_callback=RunFailed(cluster=name),  # it has just written the report itself
        )
        report.as_teardown(on_failure_fail_dagrun=True)
        chain(
            [control_plane, workers],
            PreflightOperator(task_id="preflight", cluster=name, hop=plan.output),
            ApproveOperator(task_id="approve", cluster=name, hop=plan.output),
            groups[0],
            WindowOperator(task_id="window", cluster=name, hop=plan.output, retries=PATIENT),
            *groups[1:],
            verify,
            NextHopOperator(
                task_id="next_hop", cluster=name, hop=plan.output, path=plan.output["path"], joined=verify.output
            ),
            report,
        )
        # not with the first node that fails or is left, but with the last that ends
        groups >> verify
        groups >> report
    return finished(dag)


def _doc(name: str) -> str:
    return DOC.format(name=name, board=BOARD.format(dag_id=dag_id_of(name)), fleet=FLEET, steer=steering_dag(name))


def target_parameter(cluster: Cluster) -> Param:
    """Where to: what its file says, unless a run says otherwise."""
    return Param(
        str(cluster.target_version),
        description="Exact (1.29.4), or a minor release (1.29), meaning its latest patch in the repository",
        schema={"type": "string", "title": "Target version", **_A_TARGET_VERSION},
    )


def run_parameters() -> dict[str, Param]:
    """What a run of any cluster can be started with; the trigger form and the API enforce it."""
    return {
        "dry_run": Param(
            False,
            type="boolean",
            title="Dry run",
            description="Do everything up to acting: print the exact commands and patches per node, change nothing",
        ),
        "nodes": Param(
            [],
            type=_LIST_OR_NOTHING,
            items={"type": "string"},
            title="Only these workers",
            description="Names of workers to upgrade; empty: all. The control plane is upgraded in any case",
        ),
        "give_up": Param(
            [],
            type=_LIST_OR_NOTHING,
            items={"type": "string"},
            title="Workers to give up",
            description="Names of workers that are left as they are, cordoned or broken, while the others go on",
        ),
        "ignore_window": Param(
            None,
            type=["null", "string"],
            title="Ignore maintenance windows, because",
            description="Why this run does not wait for the cluster's windows; empty: it waits. The report tells it",
        ),
        "when_held": Param(
            "wait",
            type="string",
            enum=["wait", "fail"],
            title="When another run holds the cluster",
            description="Wait until it has ended, or fail at once",
        ),
        "take_over": Param(
            None,
            type=["null", "string"],
            title="Take over from this run",
            description="The id of the run that holds the cluster and never will end: it can do nothing any more",
        ),
    }


def _per_node(group: str, cluster: str, hop: Any, nodes: Any) -> TaskGroup:
    """One mapped task group: the tasks of `group`, one after the other, for every node."""

    @task_group(group_id=group, tooltip=GROUP_DOCS[group], doc_md=GROUP_DOCS[group])
    def steps(node: str) -> None:
        tasks = [
            SENSORS.get(task.name, StepOperator)(
                task_id=task.name,
                cluster=cluster,
                group=group,
                steps=[step.name for step in task.steps],
                node=node,
                hop=hop,
                weight_rule="upstream",  # whoever is out of service comes before those that wait to be
            )
            for task in TASKS[group]
        ]
        chain(*tasks)

    return steps.expand(node=nodes)
