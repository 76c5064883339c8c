"""A run that was recorded is read back as it was, and garbage in an XCom is no board's end."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeadm_upgrade.board.record import (
    Failure,
    Marks,
    NodeRecord,
    Pace,
    RunRecord,
    TaskRecord,
    Waiting,
)
from kubeadm_upgrade.board.xcoms import failure_in, marks_in, nodes_in, outcomes_of, pace_in, unwrapped, waiting_in

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
OUTCOME = {"step": "drain_node", "node": "w1", "status": "changed", "actions": [], "details": []}


def test_a_record_is_read_back_as_it_was():
    record = RunRecord(
        cluster="prod",
        dag_id="kubeadm_upgrade.prod",
        run_id="night",
        state="running",
        started=NOON,
        params={"dry_run": False},
        hop={"control_plane": ["cp1"], "workers": ["w1"]},
        nodes=(NodeRecord("cp1", "1.28.15", True), NodeRecord("w1", "1.28.15")),
        findings=("warn: w1 was cordoned before",),
        tasks=(
            TaskRecord("workers.drain_node", 0, "deferred", 1, NOON, waiting=Waiting("Pods to go", NOON, "pods")),
            TaskRecord("workers.admit", 0, "failed", 1, NOON, NOON, failure=Failure("why", "do", ("said",))),
            TaskRecord("stage.stage_packages", 1, "success", 1, NOON, NOON, outcome=OUTCOME),
        ),
        marks=Marks(paused="incident 4711", given_up={"w7": "disk"}, at=NOON),
        pace=Pace({"drain_node": (41.2, 13.0)}, 2),
    )
    assert RunRecord.from_json(json.loads(json.dumps(record.to_json()))) == record


def test_a_mapped_task_is_about_the_node_of_its_index():
    record = RunRecord("prod", "d", "r", "running", hop={"control_plane": ["cp1"], "workers": ["w1", "w2"]})
    nodes = {
        ("stage.stage_packages", 2): "w2",
        ("control_plane.admit", 0): "cp1",
        ("workers.admit", 1): "w2",
        ("workers.admit", -1): None,  # not mapped yet
        ("workers.admit", 7): None,
        ("verify", -1): None,
    }
    assert {task: record.node_of(TaskRecord(*task)) for task in nodes} == nodes
    assert RunRecord("prod", "d", "r", "running").node_of(TaskRecord("workers.admit", 0)) is None


def test_an_outcome_of_a_trigger_is_encoded_twice():
    assert outcomes_of(json.dumps(OUTCOME)) == outcomes_of(OUTCOME) == outcomes_of([OUTCOME, 4]) == (OUTCOME,)


@pytest.mark.parametrize(
    "value", [None, "", "{", [], {}, {"reason": "x"}, {"since": "x"}, {"why": ""}, 4, "null"], ids=repr
)
def test_what_is_not_ours_is_as_if_it_were_not_there(value):
    assert (waiting_in(value), failure_in(value), outcomes_of(value), nodes_in(value)) == (None, None, (), ())
    assert (marks_in(value), pace_in(value)) == (Marks(), Pace())


def test_a_wait_says_since_when():
    assert waiting_in({"reason": "Pods to go", "since": "2026-11-26T12:00:00+00:00"}) == Waiting("Pods to go", NOON)
    assert waiting_in({"reason": "Pods to go", "since": "2026-11-26T12:00:00"}) == Waiting("Pods to go", NOON)


def test_the_first_line_of_a_failure_is_the_fact():
    assert failure_in({"why": "it failed\nthe journal", "do": "mend it"}) == Failure(
        "it failed", "mend it", ("the journal",)
    )


def test_marks_and_pace():
    marks = {"paused": "incident 4711", "given_up": {"w7": "its disk"}, "at": "2026-11-26T12:00:00+00:00"}
    assert marks_in(marks) == Marks("incident 4711", None, {"w7": "its disk"}, NOON)
    pace = {"durations": {"drain_node": [41.2, "?"], "odd": 3}, "workers_at_once": 2}
    assert pace_in(pace) == Pace({"drain_node": (41.2,)}, 2)


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["reason", "since", "why", "nodes", "name", "given_up", "durations"]), inner, max_size=4
        )
    ),
    max_leaves=8,
)


@given(value=ANY_JSON)
def test_reading_never_raises(value):
    for read in (unwrapped, waiting_in, failure_in, outcomes_of, nodes_in, marks_in, pace_in):
        read(value)
        read(json.dumps(value))
