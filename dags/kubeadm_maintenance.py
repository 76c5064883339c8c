"""The DAG that removes old logs and reports; there is none where nothing says how long they are kept."""

from __future__ import annotations

from airflow.sdk import get_parsing_context

from kubeadm_upgrade import retention
from upgrade_dags.maintenance import DAG_ID, build_maintenance_dag

keep_logs, keep_reports = retention.keep(retention.LOGS_VARIABLE), retention.keep(retention.REPORTS_VARIABLE)

if get_parsing_context().dag_id in (None, DAG_ID) and (keep_logs or keep_reports):
    globals()[DAG_ID] = build_maintenance_dag(keep_logs, keep_reports)
