"""Windows of seconds in a cluster's file, and the runs that Airflow's scheduler opens for them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from harness.fleet import LabFleet, write_inventory
from harness.rest import wait_for
from harness.site import Site

SOON = timedelta(seconds=20)


def soon() -> datetime:
    """When a window opens that nobody has written down yet."""
    return (datetime.now(UTC) + SOON).replace(microsecond=0)


def write_windows(site: Site, cluster: str, target: str, *windows: tuple[datetime, str]) -> None:
    """These, as start and duration, are the cluster's; Airflow has been told to read its file."""
    once = [{"start": start.isoformat(), "duration": lasts} for start, lasts in windows]
    file = LabFleet(site.lab.description()).inventory(
        cluster, target, windows={"timezone": "Europe/Berlin", "once": once}
    )
    write_inventory(site.inventory, file)
    dag_id = f"kubeadm_upgrade.{cluster}"
    site.api.parse_again(site.api.dag(dag_id)["file_token"])
    site.api.unpause(dag_id)


def opened(site: Site, cluster: str, start: datetime) -> str:
    """The id of the run that the schedule has opened by itself, for the window of this start, and not before it."""
    dag_id, run_id = f"kubeadm_upgrade.{cluster}", f"scheduled__{start.isoformat()}"
    wait_for(lambda: run_id in site.api.run_ids(dag_id), f"the run {run_id}", 180, lambda: str(site.api.dag(dag_id)))
    run = site.api.run(dag_id, run_id)
    assert datetime.fromisoformat(run["start_date"] or run["queued_at"]) >= start
    assert (run["run_type"], run["data_interval_start"][:19]) == ("scheduled", start.isoformat()[:19])
    return run_id


def board(site: Site, cluster: str, run_id: str) -> dict[str, Any]:
    """What its page is made of."""
    address = f"{site.airflow.url}/kubeadm-upgrade/board/kubeadm_upgrade.{cluster}/{run_id.replace('+', '%2B')}/data"
    headers = {"Authorization": f"Bearer {site.airflow.token()}"}
    data: dict[str, Any] = httpx.get(address, headers=headers, trust_env=False, timeout=60).json()
    return data
