"""What was last seen of a cluster: by its own DAG, and by every upgrade, before and after."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from kubeadm_airflow.hooks.cluster_claim import claim, release
from kubeadm_airflow.operators.last_look import LastLookOperator
from kubeadm_airflow.operators.run import LookOperator
from kubeadm_airflow.run_report import collect
from kubeadm_upgrade import report
from kubeadm_upgrade.assignment import RunId
from kubeadm_upgrade.board.last_look import LastLook
from kubeadm_upgrade.board.record import Pace
from kubeadm_upgrade.board.xcoms import marks_in, pace_in
from lab import ClusterSpec

PARAMS = {"target_version": "1.29", "nodes": [], "give_up": []}


@pytest.fixture
def walker(walk, tmp_path, monkeypatch):
    monkeypatch.setenv("KUBEADM_UPGRADE_REPORTS", str(tmp_path / "reports"))
    return walk(ClusterSpec("seen", control_plane=1, workers=2, version="1.28.15"))


@pytest.fixture
def pushed():
    return {}


@pytest.fixture
def of(pushed):
    """What a task of this DAG's run sees of itself; it pushes XComs into `pushed`."""

    async def push(key, value):
        pushed[key] = json.loads(json.dumps(value))

    def of(dag_id):
        dag, ti = SimpleNamespace(dag_id=dag_id), SimpleNamespace(axcom_push=push)
        return {"dag": dag, "run_id": "run-1", "params": PARAMS, "ti": ti}

    return of


def test_a_look_asks_no_host(walker, of):
    """What it returns is what is kept."""
    asyncio.run(claim(walker.cluster, RunId("run-0"), "", ()))
    with walker.lab.faults.node_down("seen-w1"), walker.lab.faults.node_down("seen-w2"):
        told = LastLookOperator(task_id="look", cluster="seen").execute(of("kubeadm_look.seen"))
    kept = report.last_look("seen")
    assert kept == LastLook.from_json(told)
    assert (kept.version, kept.kubelets, kept.holder, kept.run) == ("1.28.15", {"1.28.15": 3}, "run run-0", "run-0")
    assert (kept.dag_id, kept.run_id) == ("kubeadm_look.seen", "run-1")


def test_the_look_of_an_upgrade_is_one_too(walker, of, pushed):
    """It tells boards what holds the run up, and how fast this cluster goes."""
    asyncio.run(release_after(walker, {"drain_node": [41.2]}))
    LookOperator(task_id="look", cluster="seen").execute(of("kubeadm_upgrade.seen"))
    kept = report.last_look("seen")
    assert (kept.version, kept.kubelets, kept.dag_id) == ("1.28.15", {"1.28.15": 3}, "kubeadm_upgrade.seen")
    marks = marks_in(pushed["marks"])
    assert (marks.paused, marks.run) == (None, "run-0")
    assert abs(marks.at - kept.looked_at) < timedelta(seconds=2)
    assert pace_in(pushed["pace"]) == Pace({"drain_node": (41.2,)}, 1)


def test_what_is_only_for_pages_fails_no_run(walker, of, tmp_path):
    """The look goes on without a directory for reports, and without an Airflow that takes what it tells."""
    (tmp_path / "reports").write_text("a file, where a directory should be")

    async def push(**_):
        raise RuntimeError("no Airflow")

    context = {**of("kubeadm_upgrade.seen"), "ti": SimpleNamespace(axcom_push=push)}
    told = LookOperator(task_id="look", cluster="seen").execute(context)
    assert len(told["nodes"]) == 3


def test_a_look_for_pages_is_nothing_without_its_file(walker, of, tmp_path):
    (tmp_path / "reports").write_text("a file, where a directory should be")
    with pytest.raises(OSError, match="reports"):
        LastLookOperator(task_id="look", cluster="seen").execute(of("kubeadm_look.seen"))


def test_a_report_is_made_also_where_the_last_look_cannot_be_kept(walker, of, monkeypatch):
    def full(path, text):
        raise OSError(f"no space left on {path}")

    monkeypatch.setattr(report, "write", full)
    ti = SimpleNamespace(axcom_pull=nothing, get_task_states=lambda **_: {})
    dag = SimpleNamespace(dag_id="kubeadm_upgrade.seen", task_ids=["report"])
    run = SimpleNamespace(start_date=None, run_after=datetime.now(UTC))
    context = {**of("x"), "ti": ti, "dag": dag, "dag_run": run}
    written = asyncio.run(collect(context, "seen"))
    assert len(written["nodes"]) == 3


async def nothing(*, task_ids, key="return_value"):
    return None if isinstance(task_ids, str) else []


async def release_after(walker, durations):
    await claim(walker.cluster, RunId("run-0"), "", ())
    await release(walker.cluster, RunId("run-0"), durations)
