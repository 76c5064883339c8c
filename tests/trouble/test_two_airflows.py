"""Two Airflows and one cluster: one upgrades it, the other says who does, and takes over when it is told to (I8)."""

from __future__ import annotations

import pytest
import yaml

from e2e.records import applies
from harness.airflow import API_SERVER, COMPONENTS, AirflowInstance
from harness.fleet import LabFleet
from harness.rest import wait_for
from harness.site import Site, environment_of, open_site

pytestmark = [pytest.mark.trouble, pytest.mark.timeout(900)]

DAG, LEDGER = "kubeadm_upgrade.contested", ("ConfigMap", "kube-system", "kubeadm-fleet-ledger")


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Each with a home, a database and a scheduler of its own."""
    directory = tmp_path_factory.mktemp("two")
    with open_site(directory, {"contested": (1, 2, {})}, {}) as first:
        environment = environment_of(LabFleet(first.lab.description()), directory / "inventory")
        with AirflowInstance(directory / "other", environment) as airflow:
            airflow.api.wait_for_dag(DAG)
            yield first, Site(first.lab, airflow)


def holder(cluster) -> dict:
    return yaml.safe_load(cluster.object(*LEDGER)["data"]["holder"])


def started_units(cluster) -> list[tuple[str, tuple[str, ...]]]:
    return [(record.node, record.argv) for record in cluster.log if record.unit and record.argv[0] == "kubeadm"]


def test_one_upgrades_and_the_other_takes_over_when_the_first_was_killed(both):
    """Waits, fails, takes over; what the first one does when it comes back is refused; no command runs twice."""
    first, second = both
    cluster = first.cluster("contested")
    cluster.faults.slow("contested-cp1", "kubeadm upgrade apply", 20)
    _, run = first.start("contested")
    wait_for(lambda: applies(cluster) == 1, "the first Airflow to apply", 240)
    held = holder(cluster)
    assert (held["run"], held["airflow"]) == (run, first.airflow.url)

    # it says who holds the cluster and since when, and waits or fails as it was told
    _, hasty = second.start("contested", when_held="fail")
    claim = second.api.wait_for_task(DAG, hasty, "claim", states=["failed"], patience=120)
    said = second.log_text(DAG, hasty, claim)
    assert f"run {run} of {first.airflow.url} holds this cluster since 20" in said
    assert second.api.wait_for_run(DAG, hasty, patience=60) == "failed"
    _, patient = second.start("contested")
    second.api.wait_for_task(DAG, patient, "claim", states=["deferred"], patience=120)

    for component in COMPONENTS:
        first.airflow.kill(component)
    second.api.mark_run(DAG, patient, "failed")
    second.api.wait_for_run(DAG, patient, patience=60)
    cluster.faults.slow("contested-w1", "kubeadm upgrade node", 45)
    _, heir = second.start("contested", take_over=run)
    wait_for(lambda: ("contested-w1", ("kubeadm", "upgrade", "node")) in started_units(cluster), "the heir's w1", 240)
    assert holder(cluster)["run"] == heir

    # the first one comes back from the dead, with triggers and tasks of its own, while the heir is at work
    for component in (API_SERVER, *(one for one in COMPONENTS if one != API_SERVER)):
        first.airflow.start_component(component)
    first.airflow.wait_healthy()
    refused = first.api.wait_for_task(DAG, run, "workers.drain_node", "contested-w1", ["failed"], 240)
    assert f"run {heir} of {second.airflow.url} holds this cluster" in first.log_text(DAG, run, refused)
    assert second.api.wait_for_run(DAG, heir, patience=400) == "success", second.trouble(DAG, heir)
    assert first.api.wait_for_run(DAG, run, patience=240) == "failed"

    assert {cluster.node_state(name).kubelet for name in cluster.nodes} == {"v1.29.15"}
    units = started_units(cluster)
    assert len(units) == len(set(units))
    restarts = [record.node for record in cluster.log if record.argv == ("systemctl", "restart", "kubelet")]
    assert len(restarts) == len(set(restarts))
    assert holder(cluster)["run"] == heir
    assert cluster.violations == []
