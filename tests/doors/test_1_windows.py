"""Maintenance windows of seconds, with a real scheduler: it opens runs by itself, and most of them cost one task."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from doors.windows import board, opened, soon, write_windows
from e2e.records import applies
from harness.rest import wait_for

pytestmark = [pytest.mark.doors, pytest.mark.timeout(900)]

CLUSTER, DAG = "nightly", "kubeadm_upgrade.nightly"


def open_window(site, target: str, lasts: str) -> str:
    """Write one that opens soon; returns the id of its run."""
    start = soon()
    write_windows(site, CLUSTER, target, (start, lasts))
    return opened(site, CLUSTER, start)


@pytest.fixture(scope="module")
def idle(site):
    """A run of a cluster that is where its file wants it."""
    return open_window(site, "1.28", "5m")


@pytest.fixture(scope="module")
def upgraded(site, idle):
    """And one after its file has got a later target: the ids of both its runs."""
    assert site.api.wait_for_run(DAG, idle) == "success"
    first = open_window(site, "1.30", "2h")
    for run_id in (first, f"{first}~2"):
        wait_for(lambda run_id=run_id: run_id in site.api.run_ids(DAG), run_id, 420)
        assert site.api.wait_for_run(DAG, run_id, patience=420) == "success", site.trouble(DAG, run_id)
    return first, f"{first}~2"


def test_a_run_with_nothing_to_do_costs_one_task(site, idle):
    """It is green, says why and when the next window is, and nothing of it is at work."""
    assert site.api.wait_for_run(DAG, idle, patience=120) == "success", site.trouble(DAG, idle)
    states = {task.task_id: task.state for task in site.api.task_instances(DAG, idle)}
    assert states.pop("due") == "success"
    assert set(states.values()) == {"skipped"}
    said = site.api.xcom(DAG, idle, "due", key="nothing_to_do")
    assert said == ("Nothing to do: nightly is at 1.28.15, every node Ready. No other window is to come")
    shown = board(site, CLUSTER, idle)
    assert (shown["state"], shown["sentence"]) == ("nothing_to_do", f"{said}.")
    assert not site.report_file(DAG, idle, "json").exists()
    run = site.api.run(DAG, idle)
    took = datetime.fromisoformat(run["end_date"]) - datetime.fromisoformat(run["start_date"])
    assert took < timedelta(seconds=60)  # seconds, on a machine that does nothing else


def test_airflow_shows_the_windows(site, idle):
    """In its list of DAGs and on the DAG's page."""
    dag = site.api.dags()[DAG]
    assert dag["timetable_summary"].endswith("(Europe/Berlin)")
    assert dag["timetable_description"].startswith("Begins a run at each maintenance window: ")


def test_a_scheduled_run_goes_its_whole_path(site, upgraded):
    """By itself, to where the file says when it begins; the run that goes on is not asked whether it is due."""
    first, second = upgraded
    cluster = site.cluster(CLUSTER)
    assert [site.report(DAG, run_id)["hop"]["to"] for run_id in upgraded] == ["1.29.15", "1.30.14"]
    assert {site.report(DAG, run_id)["result"] for run_id in upgraded} == {"Done and verified"}
    assert site.api.run(DAG, second)["conf"] == {}
    assert applies(cluster) == 2
    assert cluster.violations == []
    ledger = cluster.object("ConfigMap", "kube-system", "kubeadm-fleet-ledger")["data"]["holder"]
    assert f"run: {first}~2" in ledger.replace("'", "").replace('"', "")
