"""The check as tasks of Airflow: in a worker, and by way of the triggerer."""

from __future__ import annotations

import asyncio
import json
from types import SimpleNamespace

import pytest
from airflow.sdk.bases.operator import TRIGGER_FAIL_REPR
from airflow.sdk.exceptions import TaskDeferred
from airflow.triggers.base import TriggerEvent

from kubeadm_airflow.check_trigger import CheckTrigger
from kubeadm_airflow.endings import EndedForAPerson
from kubeadm_airflow.operators.check import LINES, CheckOperator
from lab import ClusterSpec

HOST = "asked-w1"


@pytest.fixture
def walker(walk):
    return walk(ClusterSpec("asked", workers=1))


@pytest.fixture
def context():
    """What of a task's context is used: its XComs."""
    xcoms = {}

    async def push(key, value):
        xcoms[key] = value

    ti = SimpleNamespace(axcom_push=push, xcom_push=lambda key, value: xcoms.update({key: value}))
    return SimpleNamespace(given={"ti": ti}, xcoms=xcoms)


def operator(**where):
    return CheckOperator(task_id="check", cluster="asked", **where)


def in_a_worker(context):
    asyncio.run(operator().aexecute(context.given))


def in_the_triggerer(context):
    """Deferred, looked at by the trigger as Airflow has it rebuilt, and judged by the task that wakes up."""
    task = operator(in_triggerer=True)
    with pytest.raises(TaskDeferred) as deferred:
        asyncio.run(task.aexecute(context.given))
    name, arguments = deferred.value.trigger.serialize()
    assert name == f"{CheckTrigger.__module__}.{CheckTrigger.__name__}"

    async def first():
        return await anext(aiter(CheckTrigger(**json.loads(json.dumps(arguments))).run()))

    event: TriggerEvent = asyncio.run(first())
    payload = json.loads(json.dumps(event.payload))
    task.resume_execution(deferred.value.method_name, {"event": payload}, context.given)


WAYS = pytest.mark.parametrize("way", [in_a_worker, in_the_triggerer])


@WAYS
def test_all_is_well(walker, context, way):
    """Every line is an XCom."""
    way(context)
    assert {line["subject"] for line in context.xcoms[LINES]} == {"Kubernetes API", "asked-cp1", HOST}
    assert {line["state"] for line in context.xcoms[LINES]} == {"ok"}


@WAYS
def test_what_is_wrong_fails_the_task(walker, context, way):
    """In two lines, and the XCom is there all the same."""
    with walker.lab.faults.sudo_refuses(HOST), pytest.raises((EndedForAPerson, Exception)) as failed:
        way(context)
    error = getattr(failed.value, "error", failed.value)
    first, *others = error.what.splitlines()
    assert first.startswith("asked: 1 of ")
    assert first.endswith(" lines of the check does not pass, and 2 behind could not be asked")
    assert len(others) == 1
    assert others[0].startswith(f"{HOST}: sudo: ")
    assert "NOPASSWD" in error.do
    assert [line["question"] for line in context.xcoms[LINES] if line["state"] == "wrong"] == ["sudo"]


def test_a_file_that_broke_meanwhile(walker, context, tmp_path):
    """In the triggerer as in the worker: the file's own sentence."""
    (tmp_path / "inventory" / "asked.yaml").write_text("name: asked\n")
    with pytest.raises(EndedForAPerson) as failed:
        in_the_triggerer(context)
    assert "asked.yaml: kubernetes_conn_id: is missing" in failed.value.error.what


def test_no_triggerer_is_named(context):
    """Airflow ends the deferral by itself, with a word that names none."""
    with pytest.raises(EndedForAPerson) as failed:
        operator(in_triggerer=True).resume_execution(TRIGGER_FAIL_REPR, {"error": "Trigger timeout"}, context.given)
    assert "no triggerer has answered" in failed.value.error.what
    assert "airflow triggerer" in failed.value.error.do
