"""Maintenance windows where Airflow is real: what closes on a run, and what becomes of it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

pytestmark = [pytest.mark.doors, pytest.mark.timeout(900)]


def shut(site, cluster: str) -> None:
    """From now on, for nine days."""
    opens = (datetime.now(UTC) + timedelta(days=9)).isoformat(timespec="seconds")
    file = site.inventory / f"{cluster}.yaml"
    file.write_text(f'{file.read_text()}windows:\n  once: [{{start: "{opens}", duration: 4h}}]\n  when_over: stop\n')


def ends(site, dag_id: str, run_id: str) -> list[str | None]:
    """How the last tasks of a run have ended."""
    states = {task.task_id: task.state for task in site.api.task_instances(dag_id, run_id)}
    return [states[name] for name in ("verify", "next_hop", "report")]


def test_a_run_that_nothing_of_fits_touches_nothing_and_is_not_red(site):
    """It goes on with a path whose window is over; the first run of one would wait. Every group is skipped behind its
    first node, and whoever looks is told what is left."""
    shut(site, "closed")
    dag_id, run_id = "kubeadm_upgrade.closed", "closed~2"
    site.api.unpause(dag_id)
    site.api.trigger(dag_id, {}, run_id)
    assert site.api.wait_for_run(dag_id, run_id, patience=400) == "success", site.trouble(dag_id, run_id)
    assert ends(site, dag_id, run_id) == ["skipped", "skipped", "success"]
    report = site.report(dag_id, run_id)
    assert (report["result"], report["unfinished"]) == ("To be continued", [])
    assert report["left"]["nodes"] == ["closed-cp1", "closed-w1"]
    assert report["path"]["forecast"]["told"].startswith("1 window (UTC), ")
    assert all(site.cluster("closed").node_state(name).schedulable for name in ("closed-cp1", "closed-w1"))
    assert site.cluster("closed").violations == []


def test_a_run_that_is_to_stop_with_its_window_finishes_who_is_in_flight_and_is_not_red(site):
    """Its window closes while one of two workers is out of service: the other is left, and nothing is called done."""
    cluster, file = site.cluster("halted"), site.inventory / "halted.yaml"
    good = file.read_text()
    cluster.faults.slow_answer("halted-w1", "systemctl restart kubelet", 5)
    dag_id, run_id = site.start("halted")
    kubelet = "workers.upgrade_kubelet_and_kubectl"
    site.api.wait_for_task(dag_id, run_id, kubelet, "halted-w1", states=["running", "deferred"], patience=300)
    shut(site, "halted")

    assert site.api.wait_for_run(dag_id, run_id, patience=240) == "success", site.trouble(dag_id, run_id)
    states = {(task.task_id, task.map_index): task.state for task in site.api.task_instances(dag_id, run_id)}
    assert [states["workers.uncordon_node", index] for index in (0, 1)] == ["success", "skipped"]
    assert states["workers.drain_node", 1] == "skipped"
    assert ends(site, dag_id, run_id) == ["skipped", "skipped", "success"]
    report = site.report(dag_id, run_id)
    assert (report["result"], report["left"]["nodes"], report["unfinished"]) == ("To be continued", ["halted-w2"], [])
    assert "**To be continued**" in site.report_page(dag_id, run_id)

    file.write_text(good)
    again = site.start("halted")
    assert site.api.wait_for_run(*again, patience=240) == "success", site.trouble(*again)
    assert site.report(*again)["result"] == "Done and verified"
    assert cluster.violations == []
