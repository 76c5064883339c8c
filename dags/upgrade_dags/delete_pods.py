"""The DAG that asks whether Pods that block a drain may be deleted: an order that waits for somebody's answer."""

from __future__ import annotations

from airflow.sdk import DAG, Param

from kubeadm_airflow.operators.delete_pods import DeletePodsOperator
from kubeadm_upgrade.inventory import Cluster
from kubeadm_upgrade.ledger.steering import MOST_LETTERS, deleting_dag, steering_dag
from upgrade_dags.cluster import tags_of, tried_again
from upgrade_dags.finish import finished

DOC = """
Where a PodDisruptionBudget of **{name}** never lets a Pod go, and nobody can change it, a run of this DAG asks whether
the drain of one node may *delete* what it may not evict. It looks what blocks that drain now, and shows which Pods
would be deleted, with their owners, budgets and how many replicas are healthy; and which would not, and why.

Who may answer: the people of the cluster's `approval`, or whoever has the right to in Airflow. Approved, it is written
into the ledger, with the name, for just those Pods (by UID), that node and the run that drains it. The drain deletes
them one by one, each within its grace period, and none that is by then the last healthy one of its owner or of a
budget, or beside which another is not healthy yet; never one of kube-system. Refused, or not answered in time: nothing
is written.

`docs/drain.md` has all of it. To pause, resume or abort a run: [{steer}](dags/{steer}).
"""


def build_delete_pods_dag(cluster: Cluster) -> DAG:
    """Apart from the one that steers: an order that waits for an answer must not hold up a pause."""
    with DAG(
        deleting_dag(cluster.name),
        description=f"Ask whether Pods that block a drain in {cluster.name} may be deleted instead of evicted",
        doc_md=DOC.format(name=cluster.name, steer=steering_dag(cluster.name)),
        schedule=None,
        is_paused_upon_creation=False,
        tags=tags_of(cluster),
        params={
            "node": Param(schema={"type": "string", "minLength": 1, "title": "The node whose drain is blocked"}),
            "reason": Param(
                None,
                type=["null", "string"],
                maxLength=MOST_LETTERS,
                title="Why",
                description="One line, shown to whoever is asked",
            ),
            "run": Param(
                None,
                type=["null", "string"],
                title="Run",
                description="The id of the run that is meant, and no other; empty: whichever has the cluster",
            ),
        },
        default_args=tried_again(8),  # the API goes away for a minute while the control plane is upgraded
    ) as dag:
        DeletePodsOperator(task_id="delete_blocked_pods", cluster=cluster.name)
    return finished(dag)
