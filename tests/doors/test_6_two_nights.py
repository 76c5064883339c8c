"""A window closes on an upgrade, everything dies before the next one opens, and the upgrade goes on in that one."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from doors.windows import board, opened, soon, write_windows
from e2e.records import applies, cordons
from harness.airflow import COMPONENTS
from harness.rest import wait_for

pytestmark = [pytest.mark.doors, pytest.mark.timeout(1500)]

CLUSTER, DAG = "nights", "kubeadm_upgrade.nights"
FIRST = timedelta(seconds=150)  # enough for the control plane, by what it has taken on this machine
BETWEEN = timedelta(seconds=120)  # enough for everything to die and come back


@pytest.fixture(scope="module")
def nights(site):
    """Run id of two nights' upgrade, and when the first has closed and the second opens. In the first window, worker
    1 is admitted and does not get Ready before it has closed; between them everything is killed."""
    site.run(CLUSTER)  # to 1.29, at any time: from here on it is known how long things take
    cluster = site.cluster(CLUSTER)
    fault = cluster.faults.never_ready("nights-w1")
    starts = soon()
    closes, reopens = starts + FIRST, starts + FIRST + BETWEEN
    write_windows(site, CLUSTER, "1.30", (starts, f"{FIRST.seconds}s"), (reopens, "20m"))
    run_id = opened(site, CLUSTER, starts)
    site.api.wait_for_task(DAG, run_id, "workers.node_ready", "nights-w1", ["deferred"], patience=FIRST.seconds / 2)
    assert datetime.now(UTC) < closes

    time.sleep((closes - datetime.now(UTC)).total_seconds() + 1)
    fault.lift()
    site.api.wait_for_task(DAG, run_id, "workers.uncordon_node", "nights-w1", ["success"])
    waits = partial(site.api.xcom, DAG, run_id, "workers.drain_node", 1, "waiting")
    wait_for(lambda: waits()["kind"] == "window", "worker 2 to wait for a window", 60, lambda: str(waits()))
    seen = waits(), board(site, CLUSTER, run_id)["sentence"]
    for component in COMPONENTS:
        site.airflow.kill(component)
    assert datetime.now(UTC) < reopens
    for component in COMPONENTS:
        site.airflow.start_component(component)
    site.airflow.wait_healthy()
    assert site.api.wait_for_run(DAG, run_id, patience=420) == "success", site.trouble(DAG, run_id)
    return run_id, closes, reopens, seen


def test_the_node_in_flight_is_finished_and_the_next_one_waits_for_its_window(site, nights):
    """And whoever looks is told so."""
    _, _, _, (waiting, sentence) = nights
    assert waiting["kind"] == "window"
    assert waiting["reason"].startswith("a slot: its maintenance window: it opens on ")
    assert "window" in sentence


def test_nothing_begins_between_two_windows_whatever_dies(site, nights):
    run_id, closes, reopens, _ = nights
    told = site.report(DAG, run_id)["outcomes"]
    times = {
        (one["step"], one["node"]): tuple(datetime.fromisoformat(one[name]) for name in ("began", "ended"))
        for one in told
        if one["group"] == "workers"
    }
    assert times["uncordon_node", "nights-w1"][1] > closes
    assert times["drain_node", "nights-w2"][0] >= reopens
    assert {step for (step, _), (began, _) in times.items() if closes < began < reopens} <= {
        *("node_ready", "uncordon_node"),  # of the node in flight
        "admit",
    }


def test_and_it_ends_in_the_second_as_if_nothing_had_been(site, nights):
    """Each node was taken out of service once in each of the two upgrades, and everything is at the target."""
    run_id, *_ = nights
    cluster = site.cluster(CLUSTER)
    assert site.report(DAG, run_id)["result"] == "Done and verified"
    assert {cluster.node_state(name).kubelet for name in cluster.nodes} == {"v1.30.14"}
    assert (applies(cluster), set(cordons(cluster).values())) == (2, {2})
    assert cluster.violations == []
