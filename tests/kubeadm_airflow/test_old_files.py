"""What the maintenance DAG removes, and what it leaves."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from kubeadm_airflow.operators.retention import RemoveOldLogsOperator, RemoveOldReportsOperator

LOGS = "dag_id=kubeadm_upgrade.a/run_id={run}/task_id=look/attempt=1.log"


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes files that nobody has changed since 1970."""
    monkeypatch.setenv("AIRFLOW__LOGGING__BASE_LOG_FOLDER", str(tmp_path))
    monkeypatch.setenv("KUBEADM_UPGRADE_REPORTS", str(tmp_path))

    def write(name: str):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (0, 0))
        return path

    return write


def context(*under_way: str):
    def count(dag_id, run_ids, states):
        assert dag_id == "kubeadm_upgrade.a"
        assert states == ["queued", "running"]
        return sum(run in under_way for run in run_ids)

    return {"ti": SimpleNamespace(get_dr_count=count)}


def test_logs_of_runs_that_have_ended_go_with_their_directories(write, tmp_path):
    ended, under_way = write(LOGS.format(run="ended")), write(LOGS.format(run="on"))
    assert RemoveOldLogsOperator(task_id="logs", days=30).execute(context("on")) == 1
    assert not ended.parents[1].exists()
    assert under_way.exists()
    assert tmp_path.exists()


def test_reports_go_but_the_last_and_those_of_runs_under_way(write):
    reports = {name: write(f"kubeadm_upgrade.a/{name}.json") for name in ("old", "on", "last")}
    os.utime(reports["last"], (9, 9))
    assert RemoveOldReportsOperator(task_id="reports", days=30).execute(context("on")) == 1
    assert [name for name, path in reports.items() if path.exists()] == ["on", "last"]


def test_what_cannot_be_removed_fails_the_task_and_stops_nothing(write, monkeypatch):
    stuck, free = write(LOGS.format(run="1")), write(LOGS.format(run="2"))
    unlink = type(stuck).unlink

    def refuse(path, missing_ok=False):
        if path == stuck:
            raise PermissionError(13, "Permission denied", str(path))
        unlink(path, missing_ok)

    monkeypatch.setattr(type(stuck), "unlink", refuse)
    with pytest.raises(OSError, match=r"1 files cannot be removed, the first of them .*run_id=1.*: Permission denied"):
        RemoveOldLogsOperator(task_id="logs", days=30).execute(context())
    assert not free.exists()
