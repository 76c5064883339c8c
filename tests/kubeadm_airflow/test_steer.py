"""Orders as a task carries them out: against the lab's API, with the rights that docs/rbac.yaml grants."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from types import SimpleNamespace

import pytest

from kubeadm_airflow.endings import EndedForAPerson
from kubeadm_airflow.hooks.cluster_api import ClusterApi
from kubeadm_airflow.hooks.cluster_claim import claim
from kubeadm_airflow.operators.steer import SteerOperator
from kubeadm_upgrade.assignment import RunId
from kubeadm_upgrade.board.xcoms import marks_in
from kubeadm_upgrade.ledger import wire
from lab import ClusterSpec

NOTHING = {"paused": None, "aborted": None, "given_up": {}}


@pytest.fixture
def walker(walk):
    """A cluster that a run holds."""
    walker = walk(ClusterSpec("held", control_plane=1, workers=2, version="1.28.15"))
    assert asyncio.run(claim(walker.cluster, RunId("run-1"), "", ())) is None
    return walker


@pytest.fixture
def order(walker):
    """Gives an order, as anna; returns the task's XComs, its own result and the marks, as one."""

    def order(action, node=None, reason=None, **more):
        pushed = {}

        async def push(key, value):
            pushed[key] = value

        params = {"action": action, "node": node, "reason": reason, "run": more.pop("run", None)}
        run = SimpleNamespace(conf={**params, **more}, triggering_user_name="anna")
        dag, ti = SimpleNamespace(params=params), SimpleNamespace(axcom_push=push)
        context = {"params": params, "dag_run": run, "dag": dag, "ti": ti}
        told = SteerOperator(task_id="steer", cluster="held").execute(context)
        marks = marks_in(json.loads(json.dumps(pushed["marks"])))
        assert (marks.at is not None, marks.run) == (True, "run-1")
        return {**told, "marks": {"paused": marks.paused, "aborted": marks.aborted, "given_up": marks.given_up}}

    return order


def ledger_of(walker):
    async def look():
        async with ClusterApi.open(walker.cluster.kubernetes_conn_id) as api:
            return await api.ledger()

    return asyncio.run(look())


def test_an_order_is_carried_out_once_and_says_who_gave_it(walker, order):
    """What is asked again changes nothing, not even the object."""
    first = order("pause", reason="incident 7")
    assert first["marks"] == NOTHING | {"paused": "incident 7, asked by anna"}
    assert (first["by"], first["said"].partition(":")[0]) == ("anna", "paused (incident 7, asked by anna)")
    _, there = ledger_of(walker)
    assert order("pause", reason=" incident\n7 ")["said"] == "it was paused for this reason already"
    assert ledger_of(walker)[1] == there
    assert order("resume")["marks"] == NOTHING


def test_a_worker_is_given_up_and_taken_back(walker, order):
    assert order("give_up", "held-w1", "its disk")["marks"]["given_up"] == {"held-w1": "its disk, asked by anna"}
    ledger, _ = ledger_of(walker)
    assert ledger.given_up.keys() == {"held-w1"}
    assert order("take_back", "held-w1")["marks"] == NOTHING


@pytest.mark.parametrize(
    ("asked", "what"),
    [
        pytest.param(("give_up", "held-cp1", "x"), "held-cp1 is a control plane node", id="the control plane"),
        pytest.param(("give_up", "held-w9", "x"), "there is no node held-w9", id="a name that is none"),
        pytest.param(("abort",), "abort needs a reason", id="no reason"),
    ],
)
def test_an_order_that_cannot_be_carried_out_fails_at_once(walker, order, asked, what):
    """For a person: no try is worth another. Nothing is written."""
    _, before = ledger_of(walker)
    with pytest.raises(EndedForAPerson) as refused:
        order(*asked)
    assert refused.value.error.what.startswith(what)
    assert ledger_of(walker)[1] == before


def test_an_order_for_another_run_is_refused(walker, order):
    _, before = ledger_of(walker)
    with pytest.raises(EndedForAPerson, match="run run-1 has this cluster by now, and not run run-0"):
        order("abort", reason="x", run="run-0")
    assert ledger_of(walker)[1] == before
    assert order("abort", reason="x", run="run-1")["marks"]["aborted"] == "x, asked by anna"


def test_a_misspelt_parameter_is_named(order):
    """Airflow lets it pass."""
    with pytest.raises(EndedForAPerson, match=r"unknown parameter raeson: did you mean reason\?"):
        order("pause", reason="x", raeson="x")


def test_whoever_is_quicker_is_seen(walker, order, monkeypatch):
    """Compare-and-swap: what somebody writes between the look and the write is kept."""
    write = ClusterApi.write_ledger
    others = iter([{"held-w2": "by hand"}])

    async def slowly(self, ledger, found):
        for given_up in others:
            await write(self, replace(wire.read(found["data"]), given_up=given_up), found)
        return await write(self, ledger, found)

    monkeypatch.setattr(ClusterApi, "write_ledger", slowly)
    assert order("pause", reason="x")["marks"] == NOTHING | {
        "paused": "x, asked by anna",
        "given_up": {"held-w2": "by hand"},
    }
