"""The DAG that looks at a cluster by schedule, and rehearses its drains; only where the cluster's file has one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG, CronTriggerTimetable

from kubeadm_airflow.operators.last_look import LastLookOperator
from kubeadm_airflow.operators.rehearse import RehearseOperator
from kubeadm_upgrade.inventory import Cluster
from upgrade_dags.cluster import tags_of, tried_again
from upgrade_dags.finish import finished

PREFIX = "kubeadm_look."

DOC = """
Looks at the kubeadm cluster **{name}** through its API, and changes nothing: its version, its kubelets, who is Ready,
and what its ledger holds. The fleet's page shows it. `rehearse_drains` tells what would be in the way of its drains
days before anybody drains a node. Its schedule (`{cron}`, {timezone}) is `look` in the cluster's
file.
"""


def look_dag_id_of(name: str) -> str:
    return f"{PREFIX}{name}"


def build_look_dag(cluster: Cluster) -> DAG:
    """Whoever wrote the schedule into the file wants it: the DAG is there unpaused. A night that was missed is over."""
    with DAG(
        look_dag_id_of(cluster.name),
        description=f"Look at kubeadm cluster {cluster.name}, and change nothing",
        doc_md=DOC.format(name=cluster.name, cron=cluster.look.cron, timezone=cluster.look.timezone),
        schedule=CronTriggerTimetable(cluster.look.cron, timezone=cluster.look.timezone),
        start_date=datetime(2026, 1, 1, tzinfo=UTC),
        catchup=False,
        is_paused_upon_creation=False,
        max_active_runs=1,
        tags=tags_of(cluster),
        default_args=tried_again(2, after=timedelta(minutes=5)),
    ) as dag:
        LastLookOperator(task_id="look", cluster=cluster.name)
        RehearseOperator(task_id="rehearse_drains", cluster=cluster.name)
    return finished(dag)
