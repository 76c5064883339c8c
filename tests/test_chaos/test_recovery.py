"""What the operator clears, and when: as a person does, and never in the middle of Airflow's own marks."""

from __future__ import annotations

import pytest

from chaos.recovery import marked_through, to_clear, upstream_of
from harness.rest import TaskInstance

UPSTREAM = upstream_of(
    [
        {"task_id": "plan", "downstream_task_ids": ["workers.drain", "verify"]},
        {"task_id": "workers.drain", "downstream_task_ids": ["workers.ready"]},
        {"task_id": "workers.ready", "downstream_task_ids": ["verify", "report"]},
        {"task_id": "verify", "downstream_task_ids": ["report"]},
        {"task_id": "report", "downstream_task_ids": []},
    ]
)


def run(**states: str | None) -> list[TaskInstance]:
    """`drain_0="failed"` is the first instance of workers.drain, `verify=None` one that is not mapped."""
    return [_instance(name, state) for name, state in states.items()]


def _instance(name: str, state: str | None) -> TaskInstance:
    step, _, index = name.partition("_")
    mapped = step in ("drain", "ready")
    return TaskInstance(f"workers.{step}" if mapped else step, int(index or -1), None, state, 1, None, None)


def ids(tasks: list[TaskInstance]) -> list[str]:
    return [str(task) for task in tasks]


@pytest.mark.parametrize(
    ("states", "through"),
    [
        pytest.param({"drain_0": "failed", "ready_0": None}, False, id="what comes next is not marked"),
        pytest.param({"drain_0": "failed", "ready": None}, False, id="nor mapped"),
        pytest.param({"plan": "failed", "drain": None}, False, id="in another group"),
        pytest.param({"drain_0": "failed", "ready_0": "upstream_failed", "verify": None}, False, id="one step further"),
        pytest.param({"drain_0": "failed", "ready_0": "upstream_failed", "ready_1": None}, True, id="another node"),
        pytest.param({"verify": "failed", "report": None}, True, id="a report comes in any case"),
        pytest.param({"drain_0": "success", "ready_0": None}, True, id="nothing has failed"),
    ],
)
def test_marks_are_waited_for(states, through):
    assert marked_through(run(**states), UPSTREAM) is through


def test_what_has_failed_is_cleared_and_no_report():
    tasks = run(drain_0="failed", ready_0="upstream_failed", drain_1="success", report="failed")
    assert ids(to_clear(tasks, frozenset())) == ["workers.drain[0]"]


def test_where_that_did_not_help_the_node_goes_its_whole_way_again():
    tasks = run(drain_0="success", ready_0="failed", drain_1="success", ready_1="success")
    assert ids(to_clear(tasks, frozenset({"workers.ready[0]"}))) == ["workers.ready[0]", "workers.drain[0]"]


def test_a_report_alone_is_cleared_once_nothing_is_under_way():
    assert to_clear(run(drain_0="running", report="failed"), frozenset()) == []
    assert ids(to_clear(run(drain_0="success", report="failed"), frozenset())) == ["report"]


def test_what_was_left_behind_is_cleared_once_nothing_is_under_way():
    assert ids(to_clear(run(drain="upstream_failed", report="failed"), frozenset())) == ["workers.drain", "report"]
