"""What people give up, mark and clear: nothing is told better than it is, and nothing moves backwards."""

from __future__ import annotations

import pytest

from e2e.records import applies
from harness.rest import wait_for

pytestmark = [pytest.mark.trouble, pytest.mark.timeout(900)]

LEDGER = ("ConfigMap", "kube-system", "kubeadm-fleet-ledger")


def patch_ledger(cluster, **data) -> None:
    """As kubectl patch does it; None takes a key out."""
    there = cluster.object(*LEDGER)
    merged = {key: value for key, value in {**there["data"], **data}.items() if value is not None}
    del there["metadata"]["resourceVersion"]
    cluster.apply([{**there, "data": merged}])


def steer(site, name, state="success", **order) -> str:
    """An order as the board gives it: one REST call. Returns its run's id, once that has ended."""
    dag_id = f"kubeadm_steer.{name}"
    run_id = site.api.trigger(dag_id, order)
    assert site.api.wait_for_run(dag_id, run_id, patience=60) == state
    return run_id


def mutating(cluster) -> list[str]:
    return [f"{record.node}: {record.command}" for record in cluster.log if record.mutating]


def test_a_node_that_is_given_up_is_in_nobodys_way(site):
    """It stays cordoned and is named; the others go on; the run is red; a later run takes it."""
    cluster = site.cluster("given")
    fault = cluster.faults.never_ready("given-w1")
    dag_id, run_id = site.start("given")
    site.api.wait_for_task(dag_id, run_id, "workers.node_ready", "given-w1", ["failed"], 300)
    assert cluster.node_state("given-w2").kubelet == "v1.28.15"
    patch_ledger(cluster, **{"given-up.given-w1": "its disk is broken\n"})
    assert site.api.wait_for_run(dag_id, run_id, patience=300) == "failed"
    assert {cluster.node_state(name).kubelet for name in ("given-w2", "given-w3")} == {"v1.29.15"}
    assert cluster.node_state("given-w1").schedulable is False
    page = site.report_page(dag_id, run_id)
    assert "**Not finished**" in page
    assert "- given-w1 was given up: its disk is broken. A later run takes it" in page
    fault.lift()
    wait_for(lambda: cluster.node_state("given-w1").ready, "given-w1 to be Ready", 30)
    site.run("given", patience=300)
    assert {cluster.node_state(name).schedulable for name in cluster.nodes} == {True}
    assert cluster.violations == []


def test_a_run_is_held_let_go_on_and_ended(site):
    """Paused, no worker begins; aborted, the one that is out of service is finished and the next is not begun."""
    cluster = site.cluster("held")
    cluster.faults.slow("held-w1", "kubeadm upgrade node", 5)
    dag_id, run_id = site.start("held")
    wait_for(lambda: cluster.node_state("held-cp1").kubelet == "v1.29.15", "held-cp1 to move", 240)
    steer(site, "held", action="pause", reason="incident 4711")
    waiting = site.api.wait_for_task(dag_id, run_id, "workers.drain_node", "held-w1", ["deferred"], 120)
    said = "paused (incident 4711, asked by admin)"
    wait_for(lambda: said in site.log_text(dag_id, run_id, waiting), "drain_node to say so", 60)
    assert {cluster.node_state(name).schedulable for name in ("held-w1", "held-w2")} == {True}
    steer(site, "held", action="resume")
    wait_for(lambda: "out-of-service.held-w1" in cluster.object(*LEDGER)["data"], "held-w1 to get its slot", 120)
    steer(site, "held", action="abort", reason="too late")
    assert site.api.wait_for_run(dag_id, run_id, patience=240) == "failed"
    assert [cluster.node_state(name).kubelet for name in ("held-w1", "held-w2")] == ["v1.29.15", "v1.28.15"]
    assert {cluster.node_state(name).schedulable for name in cluster.nodes} == {True}
    assert "this run was aborted (too late, asked by admin)" in site.report_page(dag_id, run_id)
    refused = steer(site, "held", "failed", action="abort", reason="too late")
    (task,) = site.api.task_instances("kubeadm_steer.held", refused)
    assert f"run {run_id} of" in site.log_text("kubeadm_steer.held", refused, task)
    site.run("held", patience=300)
    assert cluster.node_state("held-w2").kubelet == "v1.29.15"
    assert cluster.violations == []


def test_a_run_that_was_marked_failed_is_never_done(site):
    """Airflow skips what was left, and would call the run a success; the report proves what it says (I11)."""
    cluster = site.cluster("marked")
    fault = cluster.faults.slow("marked-w1", "kubeadm upgrade node", 15)
    dag_id, run_id = site.start("marked")
    wait_for(lambda: any("upgrade" in r.argv and r.node == "marked-w1" and r.unit for r in cluster.log), "w1", 300)
    site.api.mark_run(dag_id, run_id, "failed")
    site.api.wait_for_task(dag_id, run_id, "report", states=["success", "failed"], patience=120)
    wait_for(lambda: site.api.run_state(dag_id, run_id) == "failed", "the run to be failed for good", 30)
    page = site.report_page(dag_id, run_id)
    assert "**Not finished**" in page
    assert "- marked-w2 runs kubelet 1.28.15, not 1.29.15" in page
    fault.lift()
    site.run("marked", patience=300)
    assert applies(cluster) == 1
    assert cluster.violations == []


def test_an_old_run_that_is_cleared_moves_nothing(site):
    """The cluster has gone to 1.30 since: every task of the run to 1.29 refuses, and no host sees a change (I10)."""
    cluster = site.cluster("old")
    dag_id, run_id = site.run("old", patience=300)
    site.run("old", patience=300, target_version="1.30")
    before = len(mutating(cluster))
    tasks = {task.task_id: task for task in site.api.task_instances(dag_id, run_id) if task.map_index <= 0}
    site.api.clear(dag_id, run_id, [tasks["stage.stage_packages"]])
    refused = site.api.wait_for_task(dag_id, run_id, "stage.stage_packages", states=["failed"], patience=120)
    assert "has upgraded this cluster since" in site.log_text(dag_id, run_id, refused)
    assert site.api.wait_for_run(dag_id, run_id, patience=120) == "failed"
    assert mutating(cluster)[before:] == []
    assert cluster.violations == []
