"""Carry out what a person asks of an upgrade under way: the one task of the DAG that steers a cluster."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.sdk import Context

from kubeadm_airflow.only_for_pages import only_for_pages
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
        ti: Any = context["ti"]
        with only_for_pages("what holds the run up"):
            await ti.axcom_push(key="marks", value=ledger.marks | {"at": datetime.now(UTC).isoformat()})
        return {**order.to_json(), "said": said}
