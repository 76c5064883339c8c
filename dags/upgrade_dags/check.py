"""The DAG that asks whether a run is possible, and changes nothing: from a worker, and from the triggerer."""

from __future__ import annotations

from airflow.sdk import DAG

from kubeadm_airflow.operators.check import CheckOperator
from kubeadm_airflow.operators.rehearse import RehearseOperator
from kubeadm_upgrade.inventory import Cluster
from upgrade_dags.cluster import tags_of, tried_again
from upgrade_dags.finish import finished

PREFIX = "kubeadm_check."

DOC = """
Asks the API of the kubeadm cluster **{name}** and every host whether an upgrade is possible: rights, host keys, login,
sudo, packages, repository, clocks. It changes nothing. `python -m kubeadm_upgrade check {name}` shows it as a table.

Workers and triggerer are asked by themselves: each reads known_hosts, keys and kubeconfigs where it runs.
`rehearse_drains` tries every eviction in a dry run, and tells what would be in the way of drains; it fails for none of
that, since Pods move until the day comes.
"""


def check_dag_id_of(name: str) -> str:
    return f"{PREFIX}{name}"


def build_check_dag(cluster: Cluster) -> DAG:
    """All tasks at once: none waits for another, and each makes the run red that finds no run possible."""
    with DAG(
        check_dag_id_of(cluster.name),
        description=f"Check whether kubeadm cluster {cluster.name} can be upgraded",
        doc_md=DOC.format(name=cluster.name),
        schedule=None,
        max_active_runs=1,
        tags=tags_of(cluster),
        default_args=tried_again(1),
    ) as dag:
        CheckOperator(task_id="in_a_worker", cluster=cluster.name)
        CheckOperator(task_id="in_the_triggerer", cluster=cluster.name, in_triggerer=True)
        RehearseOperator(task_id="rehearse_drains", cluster=cluster.name)
    return finished(dag)
