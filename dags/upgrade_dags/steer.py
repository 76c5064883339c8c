"""The DAG that takes orders for an upgrade under way: pause, resume, give a worker up, take it back, abort."""

from __future__ import annotations

from airflow.sdk import DAG, Param

from kubeadm_airflow.operators.steer import SteerOperator
from kubeadm_upgrade.inventory import Cluster
from kubeadm_upgrade.ledger.steering import MOST_LETTERS, Action, steering_dag
from upgrade_dags.cluster import tags_of, tried_again
from upgrade_dags.finish import finished

DOC = """
Steers the upgrade of the kubeadm cluster **{name}** without killing anything: one run is one order, and takes seconds.

- `pause`: nothing new begins, and nodes that are out of service are finished. Later runs are held up too.
- `resume`: goes on at once.
- `give_up`: leaves one worker as it is, so that the others need not wait for it. The run then ends *failed*.
- `take_back`: undoes that; the next run would as well.
- `abort`: nothing new begins, nodes that are out of service are finished, and the run ends *failed*. A new run goes on.

What is asked twice is done once. The reason is shown to whoever waits, with who has asked. `docs/ledger.md` says where
it is written, and how the same is done with kubectl.
"""

IN_WORDS = {
    Action.PAUSE: "Pause: begin nothing new",
    Action.RESUME: "Resume: go on",
    Action.GIVE_UP: "Give up a worker: go on without it",
    Action.TAKE_BACK: "Take a worker back that was given up",
    Action.ABORT: "Abort: finish what is out of service, then end the run",
}


def build_steer_dag(cluster: Cluster) -> DAG:
    """Never paused by itself: an order that waits for somebody to unpause a DAG is none."""
    with DAG(
        steering_dag(cluster.name),
        description=f"Pause, resume or abort the upgrade of {cluster.name}, or give one of its workers up",
        doc_md=DOC.format(name=cluster.name),
        schedule=None,
        is_paused_upon_creation=False,
        max_active_runs=1,  # orders are carried out one after the other
        tags=tags_of(cluster),
        params={
            "action": Param(
                schema={
                    "type": "string",
                    "title": "What is to be done",
                    "enum": [str(action) for action in Action],
                    "values_display": {str(action): words for action, words in IN_WORDS.items()},
                }
            ),
            "node": Param(
                None,
                type=["null", "string"],
                title="Worker",
                description="For give_up and take_back: the name of its Node",
            ),
            "reason": Param(
                None,
                type=["null", "string"],
                maxLength=MOST_LETTERS,
                title="Why",
                description="For pause, give_up and abort: one line, shown to whoever waits",
            ),
            "run": Param(
                None,
                type=["null", "string"],
                title="Run",
                description="For give_up, take_back and abort: the id of the run that is meant, and no other; empty: "
                "whichever has the cluster",
            ),
        },
        default_args=tried_again(8),  # the API goes away for a minute while the control plane is upgraded
    ) as dag:
        SteerOperator(task_id="steer", cluster=cluster.name)
    return finished(dag)
