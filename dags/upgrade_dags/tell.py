"""The DAG that tells people what happens to a cluster's upgrade; only where the cluster's file has channels."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from kubeadm_airflow.operators.tell import TellOperator
from kubeadm_upgrade import labels
from kubeadm_upgrade.inventory import Cluster
from kubeadm_upgrade.telling.notice import telling_dag
from upgrade_dags.cluster import tried_again
from upgrade_dags.finish import finished

TAG = "kubeadm-tell"  # not the one of the others: whoever filters by that sees clusters, and what is done to them

# half an hour in all, the pauses between two tries twice as long each time
TRIES_AGAIN, FIRST_PAUSE = 6, timedelta(seconds=30)
LONGEST = timedelta(seconds=60)

DOC = """
Tells people what happens to the upgrade of the kubeadm cluster **{name}**: one run is one event, one task tells it to
one channel of `notify` in the cluster's file. Upgrades start its runs and wait for none of them: what is slow or fails
here delays and fails no upgrade. `docs/notifications.md` lists events and channels.
"""


def build_tell_dag(cluster: Cluster) -> DAG:
    """There unpaused. Where workers are scarce its tasks come last, and few of them at once."""
    with DAG(
        telling_dag(cluster.name),
        description=f"Tell people what happens to the upgrade of {cluster.name}",
        doc_md=DOC.format(name=cluster.name),
        schedule=None,
        is_paused_upon_creation=False,
        max_active_runs=100,  # those that are tried again hold no other up
        tags=[TAG, *labels.tags_of(cluster.labels)],
        default_args=tried_again(TRIES_AGAIN, after=FIRST_PAUSE),
    ) as dag:
        TellOperator.partial(
            task_id="tell",
            cluster=cluster.name,
            map_index_template="{{ task.channel }}",
            doc_md="Tells the event of this run to one channel, or says why it is not told there.",
            retry_exponential_backoff=2.0,
            max_retry_delay=timedelta(minutes=10),
            execution_timeout=LONGEST,
            priority_weight=-100,
            weight_rule="absolute",
            max_active_tis_per_dag=2,
        ).expand(channel=list(cluster.notify.names))
    return finished(dag)
