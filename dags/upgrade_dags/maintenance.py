"""The DAG that removes old logs and reports. Rows of the database are not a task's to remove: it has no access."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.sdk import DAG

from kubeadm_airflow.operators.retention import RemoveOldLogsOperator, RemoveOldReportsOperator
from kubeadm_upgrade.retention import LOGS_VARIABLE, REPORTS_VARIABLE
from upgrade_dags.cluster import TAGS
from upgrade_dags.finish import finished

DAG_ID = "kubeadm_maintenance"

DOC = f"""
Removes, once a day, what runs have left behind that ended long ago: task logs and reports.

Nothing of a run that is under way is removed, however old, and the last report of each cluster stays.
`{LOGS_VARIABLE}` and `{REPORTS_VARIABLE}` say after how many days; 0 is never. Pause this DAG, and nothing is removed.
"""


def build_maintenance_dag(keep_logs: timedelta | None, keep_reports: timedelta | None) -> DAG:
    """Runs at a quiet hour, since there may be much to read."""
    with DAG(
        DAG_ID,
        schedule="17 3 * * *",
        start_date=datetime(2026, 1, 1, tzinfo=UTC),
        catchup=False,
        is_paused_upon_creation=False,
        max_active_runs=1,
        default_args={"retries": 1},
        tags=list(TAGS),
        doc_md=DOC,
    ) as dag:
        if keep_logs:
            RemoveOldLogsOperator(task_id="remove_old_logs", days=keep_logs.days)
        if keep_reports:
            RemoveOldReportsOperator(task_id="remove_old_reports", days=keep_reports.days)
    return finished(dag)
