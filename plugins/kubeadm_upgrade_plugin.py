"""What Airflow's plugin loader loads: the report of a run, linked from the run's page."""

from __future__ import annotations

from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin

from kubeadm_airflow.report_pages import PREFIX, app


class KubeadmUpgradePlugin(AirflowPlugin):
    """Serves the reports and shows them as a tab of every DAG run."""

    name = "kubeadm_upgrade"
    fastapi_apps: ClassVar[list[Any]] = [{"app": app(), "url_prefix": PREFIX, "name": "kubeadm upgrade reports"}]
    external_views: ClassVar[list[Any]] = [
        {
            "name": "Upgrade report",
            "href": f"{PREFIX}/reports/{{DAG_ID}}/{{RUN_ID}}",
            "destination": "dag_run",
            "url_route": "upgrade_report",
            "icon": None,
        }
    ]
