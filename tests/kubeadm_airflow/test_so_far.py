"""A task of several steps goes from one to the next, in a worker and in triggers, whatever dies in between."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import TaskDeferred
from airflow.triggers.base import TaskSuccessEvent

from kubeadm_airflow import triggers
from kubeadm_airflow.earlier_tries import keep_for_next_try, of_earlier_tries
from kubeadm_airflow.operators.step import StepOperator
from kubeadm_airflow.so_far import SoFar
from kubeadm_airflow.triggers import StepTrigger
from kubeadm_upgrade.assignment import Assignment, RunId
from kubeadm_upgrade.errors import StepRefused
from kubeadm_upgrade.procedure import TASKS
from kubeadm_upgrade.steps import Outcome
from lab import ClusterSpec

STAGE = [step.name for step in TASKS["stage"][0].steps]


@pytest.fixture
def walker(walk, monkeypatch):
    """A cluster that this run has claimed, whichever Airflow it is."""
    monkeypatch.setattr("kubeadm_airflow.operators.step.run_of", lambda _: RunId("run-1"))
    return walk(ClusterSpec("two", control_plane=1, workers=1, version="1.28.15"))


class Store(dict):
    """A task's state store, as tasks see it."""

    def set(self, key, value):
        self[key] = value


def context(try_number=1, store=None, **params):
    async def push(**_):
        pass

    run = SimpleNamespace(conf={}, run_after=datetime(2026, 11, 23, tzinfo=UTC))
    ti = SimpleNamespace(try_number=try_number, axcom_push=push)
    known = {"dry_run": False, "nodes": [], "give_up": []} | params
    store = Store() if store is None else store
    return {"run_id": "run-1", "dag_run": run, "params": known, "ti": ti, "task_state_store": store}


def stage(hop):
    return StepOperator(
        task_id="stage_packages", cluster="two", group="stage", steps=STAGE, node="two-w1", hop=hop.to_json()
    )


def steps_of(result):
    return [(one["step"], one["status"], one["task"]) for one in result]


async def to_its_end(operator, there):
    """As Airflow does it: the operator, and the trigger that it leaves the rest to."""
    try:
        return await operator.aexecute(there)
    except TaskDeferred as deferred:
        event = await asyncio.wait_for(anext(aiter(deferred.trigger.run())), 30)
        assert isinstance(event, TaskSuccessEvent)
        return event.xcoms["return_value"]


def test_a_task_performs_all_of_its_steps_and_tells_each(walker):
    hop = asyncio.run(walker.plan())
    told = asyncio.run(to_its_end(stage(hop), context()))
    assert steps_of(told) == [(step, "changed", "stage_packages") for step in STAGE]
    ends = [datetime.fromisoformat(one["ended"]) for one in told]
    begins = [datetime.fromisoformat(one["began"]) for one in told]
    assert all(begin >= end for begin, end in zip(begins[1:], ends, strict=False))
    again = asyncio.run(to_its_end(stage(hop), context()))
    assert {status for _, status, _ in steps_of(again)} == {"unchanged"}


def test_a_rehearsal_tells_each_of_its_steps_too(walker):
    hop = asyncio.run(walker.plan())
    told = asyncio.run(stage(hop).aexecute(context(dry_run=True)))
    assert steps_of(told) == [(step, "planned", "stage_packages") for step in STAGE]
    assert told[1]["actions"]


def so_far(hop, step=STAGE[0], **given):
    return SoFar(Assignment("two", RunId("run-1"), hop, "stage", step, "two-w1"), datetime.now(UTC), **given)


def trigger_of(so_far):
    return StepTrigger(**so_far.to_json(), progress={"told": [], "units": []})


def test_a_trigger_that_was_killed_begins_anew_with_the_step_that_the_one_before_was_at(walker, monkeypatch):
    """What it had told lives on with the task: outcomes, and since when the step is under way, for its patience."""
    hop = asyncio.run(walker.plan())
    asyncio.run(walker.step(hop, "stage", "two-w1", STAGE[0]))
    before = so_far(hop)
    before.add(Outcome(STAGE[0], "two-w1", "changed", ("a command",)), lambda *_: None)
    before.began -= timedelta(minutes=3)

    async def recalled(_):
        return before.word | {"kind": "command", "reason": "x", "since": before.began.isoformat()}

    monkeypatch.setattr("kubeadm_airflow.waiting._pull", recalled)
    trigger = trigger_of(so_far(hop))
    trigger.task_instance = SimpleNamespace(dag_id="d", run_id="r", task_id="t", map_index=0)
    event = asyncio.run(asyncio.wait_for(anext(aiter(trigger.run())), 30))
    first, second, *_ = event.xcoms["return_value"]
    assert first == before.done[0]
    assert second["began"] == before.began.isoformat(timespec="milliseconds")


@pytest.mark.parametrize(
    "word",
    [
        pytest.param({}, id="nothing"),
        pytest.param({"step": "admit", "done": [{}], "began": "2026-11-23T00:00:00+00:00"}, id="another-tasks"),
        pytest.param({"step": STAGE[1], "done": "x"}, id="not-whole"),
        pytest.param({"step": STAGE[0], "done": [], "began": "?"}, id="no-further"),
    ],
)
def test_what_is_no_word_of_this_try_is_passed_over(walker, word):
    here = so_far(asyncio.run(walker.plan()))
    before = here.to_json()
    here.catch_up(word)
    assert here.to_json() == before


def test_every_step_has_its_own_patience(walker, monkeypatch):
    """An earlier one that took long leaves the next one all of its time."""
    hop = asyncio.run(walker.plan())
    here = so_far(hop)
    trigger = trigger_of(here)
    trigger.so_far.began -= timedelta(days=1)
    seen = []
    monkeypatch.setattr(triggers, "perform", _performs(seen, trigger))
    event = asyncio.run(asyncio.wait_for(anext(aiter(trigger.run())), 30))
    assert isinstance(event, TaskSuccessEvent)
    assert [late for _, late in seen] == [True, False, False]


def _performs(seen, trigger):
    async def perform(step, *_):
        seen.append((step.name, trigger._is_late(None)))
        return Outcome(step.name, "two-w1", "unchanged")

    return perform


def test_a_failure_tells_what_was_done_before_it_and_the_next_try_knows(walker, monkeypatch):
    """The first step has changed something; the second fails; the try after it finds the first unchanged."""
    hop, store = asyncio.run(walker.plan()), Store()
    perform = triggers.perform

    async def fails_at_its_second(step, *rest):
        if step.name == STAGE[1]:
            raise StepRefused("two-w1: stage_packages: no")
        return await perform(step, *rest)

    with monkeypatch.context() as broken:
        for module in ("kubeadm_airflow.triggers", "kubeadm_airflow.operators.step"):
            broken.setattr(f"{module}.perform", fails_at_its_second)
        with pytest.raises(StepRefused) as failed:
            asyncio.run(_failing(stage(hop), context(store=store)))
    assert steps_of(failed.value.done) == [(STAGE[0], "changed", "stage_packages")]
    told = asyncio.run(to_its_end(stage(hop), context(try_number=2, store=store)))
    assert told[0] == failed.value.done[0]
    assert steps_of(told) == [(step, "changed", "stage_packages") for step in STAGE]


async def _failing(operator, there):
    try:
        await operator.aexecute(there)
    except TaskDeferred as deferred:
        event = await asyncio.wait_for(anext(aiter(deferred.trigger.run())), 30)
        operator.resume(there, event.payload)


def test_a_state_store_that_does_not_answer_keeps_nobody():
    """What it holds is told to people, and nothing goes by it."""

    class Silent:
        def get(self, *_):
            raise ConnectionError

        set = get

    error = StepRefused("no")
    error.done = [{"step": "a"}]
    there = context(try_number=2, store=Silent())
    keep_for_next_try(there, error)
    assert of_earlier_tries(there) == []
    assert of_earlier_tries(context(try_number=2, store=Store(outcomes=["x", {"step": "a"}]))) == [{"step": "a"}]
