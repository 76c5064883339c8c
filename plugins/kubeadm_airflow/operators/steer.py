"""Carry out what a person asks of an upgrade under way: the one task of the DAG that steers a cluster."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Context

from kubeadm_airflow.last_look import tell_marks
from kubeadm_airflow.operators.run import ClusterOperator, refuse_unknown_parameters
from kubeadm_upgrade.inventory import load_cluster_named
from kubeadm_upgrade.ledger.steering import Order


class SteerOperator(ClusterOperator):
    """Write one mark into the cluster's ledger, or take one out.

    Returns what was asked and what came of it; the XCom `marks` holds every mark that stands then, for boards.
    """

    ui_color = "#fdf3e1"

    async def aexecute(self, context: Context) -> dict[str, Any]:
        from kubeadm_airflow.hooks.cluster_ledger import steer

        refuse_unknown_parameters(context)
        order = Order.read(context["params"], context["dag_run"].triggering_user_name)
        said, ledger = await steer(load_cluster_named(self.cluster), order)
        self.log.info("%s: %s", self.cluster, said)
        await tell_marks(context, ledger)
        return {**order.to_json(), "said": said}
