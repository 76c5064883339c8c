"""What goes wrong, and how a run goes on: a sick node, killed processes, strangers, broken files."""

from __future__ import annotations

import time

import pytest

from e2e.conftest import BROKEN, CLUSTERS
from e2e.first_hour import MISTAKES
from e2e.records import applies, ever_cordoned
from harness.airflow import SCHEDULER, TRIGGERER
from harness.rest import wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


def test_a_worker_that_never_gets_ready_stops_the_others_until_it_is_mended(site):
    """Its task fails with node and reason; it stays cordoned; nobody else is touched; cleared, the run goes on."""
    cluster = site.cluster("stuck")
    fault = cluster.faults.never_ready("stuck-w1")
    dag_id, run_id = site.start("stuck")
    failed = site.api.wait_for_task(dag_id, run_id, "workers.node_ready", "stuck-w1", patience=240)
    log = site.log_text(dag_id, run_id, failed)

    assert failed.state == "failed"
    assert "stuck-w1 is not Ready: KubeletNotReady: container runtime network not ready" in log
    assert cluster.node_state("stuck-w1").schedulable is False
    assert ever_cordoned(cluster) & {"stuck-w2", "stuck-w3"} == set()
    # what needs no slot the next one has done already
    for label, step in (("stuck-w2", "admit"), ("stuck-w3", "next_in_line")):
        site.api.wait_for_step(dag_id, run_id, "workers.drain_node", label, step)

    # Airflow 3.3 on SQLite loses its scheduler, or a mark, when a task is cleared in the very moment in which the
    # scheduler marks what comes after it (StaleDataError in DagRun.update_state); a person is slower than that.
    for task_id in ("workers.uncordon_node", "next_hop"):
        site.api.wait_for_task(dag_id, run_id, task_id, states=["upstream_failed"])
    page = site.report_page(dag_id, run_id)
    assert page.index("- **stuck-w1**\n  - `workers.node_ready` has failed: stuck-w1: ") < page.index("**stuck-w2**")
    assert "- **stuck-w3**\n  - `workers.drain_node` is waiting" in page
    assert "**Not finished**, and still under way when this was written" in page

    fault.lift()
    site.api.clear(dag_id, run_id, [failed])
    assert site.api.wait_for_run(dag_id, run_id, patience=240) == "success", site.trouble(dag_id, run_id)
    assert "**Done and verified**" in site.report_page(dag_id, run_id)
    assert {cluster.node_state(name).schedulable for name in cluster.nodes} == {True}
    assert cluster.violations == []


def test_a_worker_process_killed_in_mid_apply_starts_nothing_twice(site):
    """kill -9 of scheduler, workers and triggerer while apply runs: after recovery one apply, and success."""
    cluster = site.cluster("killed")
    cluster.faults.slow("killed-cp1", "kubeadm upgrade apply", 12)
    # the worker still waits for the answer to its command while apply already runs: it dies in the middle
    cluster.faults.slow_answer("killed-cp1", "systemd-run --unit=kubeadm-upgrade-v1.29.15", 8)
    dag_id, run_id = site.start("killed")
    wait_for(lambda: applies(cluster) == 1, "apply to run", 120)
    task = site.api.wait_for_task(dag_id, run_id, "control_plane.kubeadm_upgrade", states=["running"])
    assert task.try_number == 1

    for component in (SCHEDULER, TRIGGERER):
        site.airflow.kill(component)
    time.sleep(1)  # nothing of them may still be at work
    for component in (SCHEDULER, TRIGGERER):
        site.airflow.start_component(component)
    site.airflow.wait_healthy()

    assert site.api.wait_for_run(dag_id, run_id, patience=300) == "success", site.trouble(dag_id, run_id)
    assert applies(cluster) == 1
    assert cluster.violations == []


def test_a_host_whose_key_is_not_known_is_refused(site):
    """The first task fails at once, without a retry, and says how to add the key."""
    dag_id, run_id = site.start("stranger")
    look = site.api.wait_for_task(dag_id, run_id, "look")
    assert (look.state, look.try_number) == ("failed", 1)
    log = site.log_text(dag_id, run_id, look)
    port = site.cluster("stranger").nodes["stranger-cp1"].port
    assert "stranger-cp1" in log
    assert f"ssh-keyscan -p {port}" in log
    assert ">> /dev/null" in log  # the file that this inventory names


def test_what_preflight_finds_stops_the_run_and_is_in_its_report(site):
    """Nothing was touched; the report says why, with all findings."""
    files = site.cluster("one").simulated.hosts["one-cp1"].files
    heading = files.text("/proc/swaps")
    files.put("/proc/swaps", f"{heading}/swapfile file 1024 0 -2\n")
    try:
        dag_id, run_id = site.start("one")
        assert site.api.wait_for_run(dag_id, run_id) == "failed"
    finally:
        files.put("/proc/swaps", heading)
    states = {task.task_id: task.state for task in site.api.task_instances(dag_id, run_id)}
    assert (states["preflight"], states["report"]) == ("failed", "failed")
    written = site.report(dag_id, run_id)
    assert any("one-cp1: swap is on (/swapfile)" in finding for finding in written["findings"])
    assert written["outcomes"] == []


def test_an_unknown_parameter_is_refused_by_the_first_task(site):
    """Airflow lets unknown keys pass; a misspelt dry_run must not upgrade a cluster."""
    dag_id, run_id = site.start("one", dryrun=True)
    look = site.api.wait_for_task(dag_id, run_id, "due")
    assert look.state == "failed"
    known = "dry_run, give_up, ignore_window, nodes, take_over, target_version, when_held"
    log = site.log_text(dag_id, run_id, look)
    assert "unknown parameter dryrun: did you mean dry_run?\nWhat to do: " in log
    assert f"({known})" in log


@pytest.mark.parametrize(
    ("name", "words"),
    [
        pytest.param("broken-key", "max_unavailble: unknown key", id="unknown key"),
        pytest.param("broken-version", "target_version: 'latest' does not look like", id="bad version"),
        pytest.param("broken-type", "nodes: must be a mapping, keys and values, not ['w1', 'w2']", id="wrong type"),
    ],
)
def test_a_broken_file_becomes_a_quarantine_dag(site, name, words):
    """Same dag_id, docs that name file, field and problem; the other clusters keep their DAGs."""
    docs = site.api.dag(f"kubeadm_upgrade.{name}")["doc_md"]
    assert f"{name}.yaml: {words}" in docs
    upgrades = {dag_id for dag_id in site.api.dags() if dag_id.startswith("kubeadm_upgrade.")}
    later = {f"kubeadm_upgrade.{name}" for name in MISTAKES}  # if their tests have begun
    assert upgrades - later == {f"kubeadm_upgrade.{name}" for name in (*CLUSTERS, *BROKEN)}
    assert not site.api.has_dag(f"kubeadm_check.{name}")
    assert site.api.import_errors() == []


def test_a_run_outlives_a_mistake_in_its_clusters_file(site):
    """Somebody edits the file in mid-run: no task is lost, and once it is mended and cleared, the run goes on."""
    file = site.inventory / "edited.yaml"
    good = file.read_text()
    site.cluster("edited").faults.slow_answer("edited-cp1", "systemd-run --unit=kubeadm-upgrade-v1.29.15", 8)
    dag_id, run_id = site.start("edited")
    site.api.wait_for_task(dag_id, run_id, "control_plane.kubeadm_upgrade", states=["running", "deferred"])
    file.write_text(f"{good}max_unavailble: 2\n")
    parsed(site, dag_id, broken=True)
    assert site.api.wait_for_run(dag_id, run_id) == "failed"
    left = site.api.task_instances(dag_id, run_id)
    assert [str(task) for task in left if task.state == "removed" or "broken" in task.task_id] == []
    failed = [task for task in left if task.state == "failed"]
    said = "edited.yaml: max_unavailble: unknown key"
    assert any(said in site.log_text(dag_id, run_id, task) for task in failed)

    file.write_text(good)
    parsed(site, dag_id, broken=False)
    site.api.clear(dag_id, run_id, failed)
    assert site.api.wait_for_run(dag_id, run_id, patience=300) == "success", site.trouble(dag_id, run_id)
    assert site.cluster("edited").violations == []


def parsed(site, dag_id: str, *, broken: bool) -> None:
    """The DAG is that of the file as it stands now."""

    def seen() -> bool:
        site.api.parse_again(site.api.dag(dag_id)["file_token"])
        tags = {tag["name"] for tag in site.api.dag(dag_id)["tags"]}
        return ("quarantine" in tags) == broken

    wait_for(seen, f"{dag_id} to be parsed", 120)
