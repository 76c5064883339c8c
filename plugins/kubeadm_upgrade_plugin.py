"""What Airflow's plugin loader loads: the report of a run, linked from the run's page."""

from __future__ import annotations

import sys
from functools import cache
from typing import Any

from airflow.plugins_manager import AirflowPlugin

PREFIX = "/kubeadm-upgrade"


async def report_pages(scope: Any, receive: Any, send: Any) -> None:
    """An ASGI application that is built at its first request: plugins are loaded in every task's process too."""
    await _pages()(scope, receive, send)


@cache
def _pages() -> Any:
    from kubeadm_airflow.report_pages import app

    return app()


class KubeadmUpgradePlugin(AirflowPlugin):
    """Serves the reports and shows them as a tab of every DAG run."""

    name = "kubeadm_upgrade"
    # ruff asks for ClassVar, Airflow's base class says otherwise
    fastapi_apps = [  # noqa: RUF012
        {"app": report_pages, "url_prefix": PREFIX, "name": "kubeadm upgrade reports"}
    ]
    external_views = [  # noqa: RUF012
        {
            "name": "Upgrade report",
            "href": f"{PREFIX}/reports/{{DAG_ID}}/{{RUN_ID}}",
            "destination": "dag_run",
            "url_route": "upgrade_report",
        }
    ]

    @classmethod
    def on_load(cls, *args: Any, **kwargs: Any) -> None:
        """Import the clients in the scheduler, which LocalExecutor forks its workers and tasks from.

        Every task would need most of a second for it otherwise.
        """
        if sys.argv[1:2] == ["scheduler"]:
            import kubeadm_airflow.hooks.node_connection  # noqa: F401
