"""Operators and triggers where no Airflow is needed to see them: against the lab, over real SSH and HTTPS."""

from __future__ import annotations

import asyncio
from datetime import datetime
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import DagRunTriggerException

from harness.walk import join
from kubeadm_airflow.operators.next_hop import NextHopOperator
from kubeadm_airflow.operators.run import VerifyOperator
from kubeadm_airflow.triggers import StepTrigger
from kubeadm_upgrade.assignment import Assignment, RunId
from kubeadm_upgrade.errors import NotAsPromised
from kubeadm_upgrade.steps import Progress
from lab import ClusterSpec, Lab

LONG_AGO = "2026-11-23T00:00:00+00:00"


@pytest.fixture
def walker(tmp_path, monkeypatch):
    """A cluster that nothing has touched yet."""
    with Lab(tmp_path / "lab", [ClusterSpec("still", control_plane=1, workers=1, version="1.28.15")]) as lab:
        yield join(lab, tmp_path / "inventory", monkeypatch)["still"]


def event(hop, deadline=None):
    work = Assignment("still", RunId("run-1"), hop, "workers", "node_ready", "still-w1")
    trigger = StepTrigger(work=work.to_json(), progress=Progress().to_json(), began=LONG_AGO, deadline=deadline)

    async def first():
        return await asyncio.wait_for(anext(aiter(trigger.run())), 20)

    return asyncio.run(first()).payload


def context(**params):
    known = {"dry_run": False, "nodes": [], "give_up": []}
    run = SimpleNamespace(conf={}, run_after=datetime.fromisoformat(LONG_AGO))
    return {"run_id": "run-1", "dag_run": run, "params": known | params}


def test_patience_ends_and_says_what_was_waited_for(walker):
    """Nothing upgrades this kubelet."""
    payload = event(asyncio.run(walker.plan()), LONG_AGO)
    waiting = "still-w1: node_ready: patience has ended, still waiting: still-w1 is Ready, with kubelet 1.28.15"
    assert payload == {"error": "StepTimedOut", "message": waiting}


def test_patience_ends_for_an_api_that_does_not_answer_too(walker):
    """The control plane is waited for, but not for ever."""
    hop = asyncio.run(walker.plan())
    with walker.lab.faults.api_down():
        payload = event(hop, LONG_AGO)
    assert payload["error"] == "StepTimedOut"
    assert "still waiting: the Kubernetes API does not answer" in payload["message"]


def test_a_result_that_is_not_as_promised_fails_the_task(walker):
    """Everything at once; a dry run has promised nothing."""
    hop = asyncio.run(walker.plan()).to_json()
    verify = VerifyOperator(task_id="verify", cluster="still", hop=hop)
    with pytest.raises(
        NotAsPromised, match=r"still: kubeadm-config says 1.28.15, not 1.29.15; .*still-w1 runs kubelet"
    ):
        asyncio.run(verify.aexecute(context()))
    assert asyncio.run(verify.aexecute(context(dry_run=True))) == []


def test_a_backup_of_another_run_is_not_this_runs(walker):
    """Invariant I4: an older one, however whole, says nothing of this hop."""

    async def back_up(run):
        hop = await walker.plan(run)
        told = [await walker.step(hop, "control_plane", "still-cp1", step, run) for step in ("admit", "back_up")]
        await walker.release(run)
        return told[-1]["details"][0].partition(":")[0]

    directory = "/var/backups/kubeadm-fleet/v1.28.15-to-v1.29.15"
    assert asyncio.run(back_up("run-1")) == f"{directory}.1/etcd.db"
    assert asyncio.run(back_up("run-2")) == f"{directory}.2/etcd.db"


def next_hop(*hops, joined=()):
    path = {"hops": [{"to": to} for to in hops]}
    return NextHopOperator(task_id="next_hop", cluster="prod", path=path, joined=list(joined))


@pytest.mark.parametrize(
    ("operator", "params"),
    [
        pytest.param(next_hop("1.29.15", "1.30.9"), {"dry_run": True}, id="a dry run moved nothing"),
        pytest.param(next_hop("1.29.15"), {}, id="the last hop"),
        pytest.param(next_hop("1.29.15", joined=["w9"]), {"nodes": ["w1"]}, id="only some workers were asked for"),
    ],
)
def test_a_run_with_nothing_left_starts_no_other(operator, params):
    """Not the same hop again, and so on for ever."""
    assert operator.execute(context(**params)) is None
    assert operator.next_run is None


@pytest.mark.parametrize("unfinished", ["a hop", "a node that joined"])
def test_what_is_left_goes_on_in_a_run_with_the_next_number(unfinished, monkeypatch):
    """`X`, `X~2`: never itself."""
    operator = next_hop("1.29.15", "1.30.9") if unfinished == "a hop" else next_hop("1.29.15", joined=["w9"])
    ti = SimpleNamespace(get_dr_count=lambda **_: 0)
    monkeypatch.setattr(type(operator), "dag_id", "kubeadm_upgrade.prod", raising=False)
    with pytest.raises(DagRunTriggerException) as caught:
        operator.execute(context() | {"ti": ti})
    assert caught.value.dag_run_id == "run-1~2"
