"""Operators and triggers where no Airflow is needed to see them: against the lab, over real SSH and HTTPS."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowSkipException

from harness.walk import join
from in_memory import examples
from kubeadm_airflow.operators.next_hop import NextHopOperator
from kubeadm_airflow.operators.run import VerifyOperator
from kubeadm_airflow.triggers import StepTrigger
from kubeadm_upgrade.errors import NotAsPromised
from lab import ClusterSpec, Lab

LONG_AGO = "2026-11-23T00:00:00+00:00"


@pytest.fixture
def walker(tmp_path, monkeypatch):
    """A cluster that nothing has touched yet."""
    with Lab(tmp_path / "lab", [ClusterSpec("still", control_plane=1, workers=1, version="1.28.15")]) as lab:
        yield join(lab, tmp_path / "inventory", monkeypatch)["still"]


def event(hop, deadline=None):
    trigger = StepTrigger(
        cluster="still",
        group="workers",
        step="node_ready",
        node="still-w1",
        hop=hop.to_json(),
        told=[],
        deadline=deadline,
    )

    async def first():
        return await asyncio.wait_for(anext(aiter(trigger.run())), 20)

    return asyncio.run(first()).payload


def test_patience_ends_and_says_what_was_waited_for(walker):
    """Nothing upgrades this kubelet."""
    payload = event(asyncio.run(walker.plan()), LONG_AGO)
    waiting = "still-w1: node_ready: patience has ended, still waiting: still-w1 runs kubelet 1.28.15, not 1.29.15"
    assert payload == {"error": "StepTimedOut", "message": waiting}


def test_patience_ends_for_an_api_that_does_not_answer_too(walker):
    """The control plane is waited for, but not for ever."""
    hop = asyncio.run(walker.plan())
    with walker.lab.faults.api_down():
        payload = event(hop, LONG_AGO)
    assert payload["error"] == "StepTimedOut"
    assert "still waiting: the Kubernetes API does not answer" in payload["message"]


def test_a_dry_run_never_goes_on_in_the_triggerer(walker):
    """Whatever brought it there."""
    payload = event(asyncio.run(walker.plan(dry_run=True)))
    assert payload["error"] == "StepRefused"
    assert "a dry run has nothing to wait for" in payload["message"]


def test_a_result_that_is_not_as_promised_fails_the_task(walker):
    """Everything at once; a dry run has promised nothing."""
    hop = asyncio.run(walker.plan())
    with pytest.raises(
        NotAsPromised, match=r"still: kubeadm-config says 1.28.15, not 1.29.15; .*still-w1 runs kubelet"
    ):
        asyncio.run(VerifyOperator(task_id="verify", cluster="still", hop=hop.to_json()).aexecute({}))
    rehearsed = replace(hop, dry_run=True).to_json()
    asyncio.run(VerifyOperator(task_id="verify", cluster="still", hop=rehearsed).aexecute({}))


def test_a_backup_of_another_run_is_not_this_runs(walker):
    """Invariant I4: an older one, however whole, says nothing of this hop."""

    async def twice():
        for run in ("run-1", "run-2"):
            hop = await walker.plan(run)
            yield await walker.step(hop, "backup", "still-cp1", "back_up")

    async def details():
        return [outcome["details"][0].partition(":")[0] async for outcome in twice()]

    directory = "/var/backups/kubeadm-fleet/v1.28.15-to-v1.29.15"
    assert asyncio.run(details()) == [f"{directory}.1/etcd.db", f"{directory}.2/etcd.db"]


def test_a_dry_run_of_several_hops_triggers_none():
    """It moved nothing, so the next run would plan the same hop, and so on for ever."""
    path = {"hops": [{"to": "1.29.15"}, {"to": "1.30.9"}]}
    hop = replace(examples.a_hop(), dry_run=True).to_json()
    operator = NextHopOperator(task_id="next_hop", cluster="prod", hop=hop, path=path)
    with pytest.raises(AirflowSkipException, match="a dry run moves nothing"):
        operator.execute({"run_id": "r", "dag_run": SimpleNamespace(conf={})})
