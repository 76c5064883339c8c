"""What Airflow's plugin loader loads: the pages, where Airflow's own UI shows them, and the schedule of the DAGs."""

from __future__ import annotations

import gc
import pkgutil
import sys
from contextlib import suppress
from functools import cache
from importlib import import_module
from typing import Any

from airflow.plugins_manager import AirflowPlugin

import kubeadm_airflow
from kubeadm_airflow.timetable import WindowTimetable
from kubeadm_upgrade.releases.known import releases
from kubeadm_upgrade.releases.release import ReleaseFactsError

PREFIX = "/kubeadm-upgrade"

_THAT_FORK = (["scheduler"], ["dag-processor"], ["triggerer"])


async def pages(scope: Any, receive: Any, send: Any) -> None:
    """An ASGI application that is built at its first request: plugins are loaded in every task's process too."""
    await _application()(scope, receive, send)


@cache
def _application() -> Any:
    from kubeadm_airflow.pages.app import app

    pages = app()
    # nothing that Airflow's API server has loaded by now goes any more: to look through it again for what might takes
    # as long as a board of 500 nodes, and to make one would set it off
    gc.freeze()
    return pages


def _view(name: str, destination: str, address: str, route: str) -> dict[str, Any]:
    """The address is relative to where Airflow is: that may be below a path of its host."""
    return {"name": name, "destination": destination, "href": f"{PREFIX[1:]}/{address}", "url_route": route}


class KubeadmUpgradePlugin(AirflowPlugin):
    """The fleet in the navigation, a board as a tab of every DAG and run, the report as one of every run."""

    name = "kubeadm_upgrade"
    # ruff asks for ClassVar, Airflow's base class says otherwise
    fastapi_apps = [{"app": pages, "url_prefix": PREFIX, "name": "kubeadm upgrade"}]  # noqa: RUF012
    external_views = [  # noqa: RUF012
        _view("Fleet", "nav", "fleet", "fleet") | {"nav_top_level": True},
        _view("Board", "dag", "board/{DAG_ID}/latest", "board"),
        _view("Board", "dag_run", "board/{DAG_ID}/{RUN_ID}", "run_board"),
        _view("Upgrade report", "dag_run", "reports/{DAG_ID}/{RUN_ID}", "upgrade_report"),
    ]

    timetables = [WindowTimetable]  # noqa: RUF012

    @classmethod
    def on_load(cls, *args: Any, **kwargs: Any) -> None:
        """Import what any task may need, in the components that fork: LocalExecutor's tasks are from the scheduler,
        what reads a DAG file from the DAG processor, and a triggerer's loop from the triggerer.

        A task would take more than a second of a core for it otherwise, with little else to do; and the loop would
        stand still for as long when the first trigger comes.
        """
        if sys.argv[1:2] in _THAT_FORK:
            _import_all()


def _import_all() -> None:
    """And read the release facts, which are kept. Pages are for the API server alone.

    Airflow's SDK imports its parts when a DAG file asks for them; the decorators take longest. Facts of a fleet that
    cannot be read are for the task to tell that needs them: without this plugin no DAG with a schedule would be known.
    """
    import_module("airflow.sdk.definitions.decorators")
    for module in pkgutil.walk_packages(kubeadm_airflow.__path__, "kubeadm_airflow."):
        if not module.name.startswith("kubeadm_airflow.pages"):
            import_module(module.name)
    with suppress(ReleaseFactsError):
        releases()
