"""What was last seen of a cluster: by its own DAG, and by every upgrade, before and after."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace

import pytest

from kubeadm_airflow.hooks.cluster_claim import claim, release
from kubeadm_airflow.operators.last_look import LastLookOperator
from kubeadm_airflow.operators.run import LookOperator
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
    assert (marks.paused, marks.at.replace(microsecond=0), marks.run) == (None, kept.looked_at, "run-0")
    assert pace_in(pushed["pace"]) == Pace({"drain_node": (41.2,)}, 1)


async def release_after(walker, durations):
    await claim(walker.cluster, RunId("run-0"), "", ())
    await release(walker.cluster, RunId("run-0"), durations)
