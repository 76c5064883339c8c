"""Airflow's own API server is away for longer than a scheduler believes in a task that it does not hear of."""

from __future__ import annotations

import time

import pytest

from e2e.records import applies
from harness.airflow import API_SERVER
from harness.rest import wait_for

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

AWAY_SECONDS = 75


def test_a_run_comes_through_while_nothing_can_be_told_to_airflow(site):
    """A busy machine takes a minute and more to start it again: no try of a task may be lost to that, but for one."""
    cluster = site.cluster("mute")
    cluster.faults.slow("mute-cp1", "kubeadm upgrade apply", 20)
    # the worker still waits for the answer to its command, and then has something to tell
    cluster.faults.slow_answer("mute-cp1", "systemd-run --unit=kubeadm-upgrade-v1.29.15", 8)
    dag_id, run_id = site.start("mute")
    wait_for(lambda: applies(cluster) == 1, "apply to run", 240)
    site.airflow.kill(API_SERVER)
    time.sleep(AWAY_SECONDS)
    site.airflow.start_component(API_SERVER)
    site.airflow.wait_healthy()
    assert site.api.wait_for_run(dag_id, run_id, patience=300) == "success", site.trouble(dag_id, run_id)
    assert max(task.try_number for task in site.api.task_instances(dag_id, run_id)) <= 2
    assert applies(cluster) == 1
    assert cluster.violations == []
