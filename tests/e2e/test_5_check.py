"""kubeadm_check.<cluster> in a whole Airflow: in a worker, and in the triggerer."""

from __future__ import annotations

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

TASKS = ("in_a_worker", "in_the_triggerer")


def checked(site, cluster: str) -> tuple[str, str, str]:
    dag_id, run_id = f"kubeadm_check.{cluster}", "test-check"
    site.api.wait_for_dag(dag_id)
    site.api.unpause(dag_id)
    site.api.trigger(dag_id, {}, run_id)
    return dag_id, run_id, site.api.wait_for_run(dag_id, run_id, 120)


def test_a_run_is_possible(site):
    """Both say every line, in the log and as an XCom."""
    dag_id, run_id, state = checked(site, "half")
    assert state == "success", site.trouble(dag_id, run_id)
    for task in TASKS:
        lines = site.api.xcom(dag_id, run_id, task, key="lines")
        assert {line["state"] for line in lines} == {"ok"}
        assert {line["subject"] for line in lines} == {"Kubernetes API", *site.cluster("half").spec.nodes}
        log = "\n".join(line.text for line in site.api.log(dag_id, run_id, task))
        assert "half-w4: repository: ok: 1.29: 1.29.15" in log
        assert "Kubernetes API: may patch nodes: ok" in log


def test_a_run_is_not_possible(site):
    """No host's key is known: the log ends in what is wrong and what to do, without a frame."""
    dag_id, run_id, state = checked(site, "stranger")
    assert state == "failed"
    for task in TASKS:
        lines = site.api.log(dag_id, run_id, task)
        what, do = (line.text for line in lines[-2:])
        assert "lines of the check do not pass" in "\n".join(line.text for line in lines[-5:])
        assert what.startswith("stranger: ")
        assert do.startswith("What to do: ")
        assert "then clear this task: it asks again" in do
        assert not [line.text for line in lines if "Traceback" in line.text or 'File "' in line.text]
        states = {line["state"] for line in site.api.xcom(dag_id, run_id, task, key="lines")}
        assert states == {"ok", "wrong", "not reached"}
