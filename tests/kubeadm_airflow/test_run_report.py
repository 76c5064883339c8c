"""What a report's outcomes leave behind for the next run."""

from __future__ import annotations

import pytest

from kubeadm_airflow.operators.report import why_red
from kubeadm_airflow.run_report import durations_of
from kubeadm_upgrade.errors import NotFinished, NotSettled, remedy
from kubeadm_upgrade.times import table

NOON = "2026-11-26T12:00:00+00:00"


def outcome(step, seconds, *waited, **changes):
    return {
        "step": step,
        "node": "w1",
        "status": "changed",
        "seconds": seconds,
        "waited": [list(w) for w in waited],
    } | changes


def test_durations_are_work_and_not_somebody_elses_time():
    """A night at the gates, or in a pause, says nothing of how long a step takes."""
    outcomes = [
        outcome("admit", 30_000.0, ["turn", 20_000.0], ["slot", 9_997.6]),
        outcome("drain_node", 700.0, ["pods", 650.0]),
        outcome("drain_node", 95.04, ["pause", 60.0]),
        outcome("drain_node", 2.0, status="unchanged"),
        outcome("node_ready", 12.0, status="gone"),
    ]
    assert durations_of({"outcomes": outcomes}) == {"admit": [2.4], "drain_node": [700.0, 35.0]}


@pytest.mark.parametrize("waited", [[None], ["turn"], [["turn", None]], [[["turn"], 1.0]], 7], ids=str)
def test_an_outcome_that_is_not_whole_keeps_no_cluster(waited):
    """They are counted right before it is given back, and the report's page is made of them before that."""
    odd = outcome("drain_node", 9.0) | {"waited": waited, "began": NOON, "ended": NOON}
    assert durations_of({"outcomes": [odd]}) == {"drain_node": [9.0]}
    assert "drain_node" in table.as_markdown([odd])


def test_outcomes_of_an_earlier_release_count_as_they_are():
    before = {"step": "drain_node", "node": "w1", "status": "changed"}
    assert durations_of({"outcomes": [before | {"seconds": 41.2}, before]}) == {"drain_node": [41.2]}


ANEW = "mend the parameter, then start a new run: this one has changed nothing"


def left(task, do=None):
    return {"task": task, "node": None, "state": "failed" if do else "upstream_failed"} | ({"do": do} if do else {})


@pytest.mark.parametrize(
    ("unfinished", "said"),
    [
        pytest.param([left("claim", ANEW), left("look")], f"as the task claim says: {ANEW}", id="one task failed"),
        pytest.param(
            [left("workers.admit", "wait"), left("workers.admit", "wait")],
            "as the task workers.admit says: wait",
            id="two nodes, for the same reason",
        ),
        pytest.param(
            [left("claim", ANEW), left("verify", "wait")],
            "do what the report says of each task that failed",
            id="two reasons",
        ),
        pytest.param([left("workers.admit")], remedy(NotFinished("x")), id="nothing that failed"),
    ],
)
def test_the_last_word_of_a_run_is_that_of_the_task_that_failed(unfinished, said):
    """Not "clear it", where that task has said that only a new run helps."""
    error = why_red({"may_settle": False, "unfinished": unfinished}, "prod: not finished: see the report")
    assert remedy(error) == said


def test_what_may_settle_is_tried_again():
    assert isinstance(why_red({"may_settle": True, "unfinished": []}, "prod: not finished"), NotSettled)
