"""Who a task acts for: what the ledger in the cluster knows this run by."""

from __future__ import annotations

import os

from airflow.sdk import Context
from airflow.sdk.configuration import conf

from kubeadm_upgrade.assignment import RunId

NAME_VARIABLE = "KUBEADM_UPGRADE_AIRFLOW"


def run_of(context: Context) -> RunId:
    """The DagRun's id, its Airflow, and the moment that tells it from any other run of that name."""
    name = os.environ.get(NAME_VARIABLE) or conf.get("api", "base_url", fallback="") or "an Airflow without a base_url"
    return RunId.begun(str(context["run_id"]), name, context["dag_run"].run_after)
