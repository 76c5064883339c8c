"""A task of several steps, taken apart: as if each of them had a task, which is how an earlier release had it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from in_memory.runs import NOW, a_run, at, failed, waiting
from kubeadm_upgrade.board.course import courses
from kubeadm_upgrade.board.record import Failure, RunRecord, TaskRecord, Waiting
from kubeadm_upgrade.board.retry import retry_of
from kubeadm_upgrade.board.shared_tasks import steps_of, tasks_in
from kubeadm_upgrade.procedure import GROUPS, TASKS

DRAIN = TASKS["workers"][0]
NAMES = [step.name for step in DRAIN.steps]
NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


def outcome(step: str, minute: int, status: str = "changed") -> dict[str, object]:
    began = NOON + timedelta(minutes=minute)
    return {
        "step": step,
        "node": "w1",
        "group": "workers",
        "task": "drain_node",
        "status": status,
        "began": began.isoformat(),
        "ended": (began + timedelta(minutes=1)).isoformat(),
    }


def done(count: int) -> tuple[dict[str, object], ...]:
    return tuple(outcome(name, minute) for minute, name in enumerate(NAMES[:count]))


def row(state: str | None, **told: object) -> TaskRecord:
    return TaskRecord("workers.drain_node", 0, state, 2, NOON, **told)


def states(record: TaskRecord) -> list[str | None]:
    return [step.state for step in steps_of(record, DRAIN)]


AT_THIRD = ["success", "success"]
WAITS = Waiting("x", NOON, "turn", done=done(2))


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        pytest.param(row(None), [None] * 5, id="not-begun"),
        pytest.param(row("running"), ["running", *[None] * 4], id="begun"),
        pytest.param(row("deferred", waiting=WAITS), [*AT_THIRD, "deferred", None, None], id="waits-at-its-third"),
        pytest.param(row("up_for_retry", waiting=WAITS), [*AT_THIRD, "up_for_retry", None, None], id="tries-again"),
        pytest.param(
            row("failed", failure=Failure("x", done=done(2))),
            [*AT_THIRD, "failed", "upstream_failed", "upstream_failed"],
            id="failed-at-its-third",
        ),
        pytest.param(
            row("failed", failure=Failure("x"), waiting=WAITS),
            [*AT_THIRD, "failed", "upstream_failed", "upstream_failed"],
            id="killed-while-it-waited",
        ),
        pytest.param(row("upstream_failed"), ["upstream_failed"] * 5, id="behind-another"),
        pytest.param(row("success", outcomes=done(5)), ["success"] * 5, id="done"),
        pytest.param(row("success"), ["success"] * 5, id="marked"),
        pytest.param(row("success", waiting=WAITS), ["success"] * 5, id="marked-while-it-waited"),
        pytest.param(row("skipped"), ["skipped"] * 5, id="skipped"),
        pytest.param(
            row("success", outcomes=(outcome(NAMES[0], 0), outcome(NAMES[1], 1, "gone"))),
            ["success", "success", "skipped", "skipped", "skipped"],
            id="gone-at-its-second",
        ),
        pytest.param(
            row("success", outcome=outcome(NAMES[0], 0, "gone")), ["success", *["skipped"] * 4], id="gone-at-once"
        ),
        pytest.param(
            row("skipped", outcomes=(*done(3), outcome("admit", 4, "left"))),
            ["success", "success", "success", "skipped", "skipped"],
            id="left-for-another-window",
        ),
    ],
)
def test_every_step_has_its_state(record, expected):
    assert states(record) == expected


def test_nobody_takes_a_marked_task_for_one_that_is_done():
    """What it had told while it waited proves nothing of the rest."""
    steps = list(steps_of(row("success", waiting=WAITS), DRAIN))
    assert all(step.is_marked for step in steps)


def test_a_step_begins_when_the_one_before_has_ended():
    third = list(steps_of(row("deferred", waiting=WAITS), DRAIN))[2]
    assert third.started == NOON + timedelta(minutes=2)
    assert third.waiting is WAITS


@pytest.mark.parametrize("place", NAMES)
@pytest.mark.parametrize(
    "how", [waiting("pods to go from w1: db-0", "pods"), failed("w1: no")], ids=["waits", "failed"]
)
def test_a_worker_is_seen_as_if_each_step_had_its_task(place, how):
    """The same states, and the same place in the run."""
    before = _course(at(a_run(), {"w1": f"workers.{place}"}, **how))
    told = done(NAMES.index(place))
    how = dict(how)
    if how["state"] == "failed":
        how["failure"] = replace(how["failure"], done=told)
    else:
        how["waiting"] = replace(how["waiting"], done=told)
    stage = [TaskRecord("stage.stage_packages", 1, "success", 1, NOON, NOON, outcomes=_staged())]
    record = replace(a_run(), tasks=(*a_run().tasks, *stage, TaskRecord("workers.drain_node", 0, try_number=1, **how)))
    now = _course(record)
    settled = [None if step.state == "upstream_failed" else step.state for step in now.tasks]
    assert settled == [step.state for step in before.tasks]
    assert (now.is_out, now.waits_at_the_gates) == (before.is_out, before.waits_at_the_gates)
    assert now.current is not None
    assert now.current.step == place


def _staged() -> tuple[dict[str, object], ...]:
    return tuple({"step": step.name, "node": "w1", "status": "changed"} for step in GROUPS["stage"])


def _course(record: RunRecord):
    return next(one for one in courses(record) if one.name == "w1")


def test_a_retry_clears_the_task_and_no_step():
    """Airflow knows of no other; what a refusal asks for is named as it is there."""
    record = a_run()
    step = list(steps_of(row("failed", failure=Failure("w1: drain_node: no", done=done(4))), DRAIN))[4]
    admit = list(steps_of(row("failed", failure=Failure("w1: admit: no", done=done(3))), DRAIN))[3]
    asked = Failure("w1: x: it holds no slot of this run: clear its drain_node task as well")
    later = TaskRecord(
        "workers.restart_kubelet", 0, "failed", part_of="workers.upgrade_kubelet_and_kubectl", failure=asked
    )
    for one in (step, admit, later):
        assert retry_of(record, one).body["task_ids"] == [["workers.drain_node", 0]]


def test_a_run_of_an_earlier_release_has_a_task_for_each_step():
    ids = frozenset(f"workers.{step.name}" for step in GROUPS["workers"])
    assert [task.name for task in tasks_in("workers", ids)] == [step.name for step in GROUPS["workers"]]
    one_less = ids - {"workers.next_in_line"}
    assert "next_in_line" not in [task.name for task in tasks_in("workers", one_less)]
    assert tasks_in("workers", frozenset({"workers.drain_node"})) == TASKS["workers"]


@given(
    state=st.sampled_from([None, "running", "deferred", "success", "failed", "skipped", "removed", "up_for_retry"]),
    told=st.integers(0, 5),
    where=st.sampled_from(["outcomes", "waiting", "failure"]),
)
def test_whatever_is_told_every_step_is_there_once(state, told, where):
    given_told = {
        "outcomes": {"outcomes": done(told)},
        "waiting": {"waiting": Waiting("x", NOW, done=done(told))},
        "failure": {"failure": Failure("x", done=done(told))},
    }[where]
    steps = list(steps_of(row(state, **given_told), DRAIN))
    assert [step.step for step in steps] == NAMES
    assert {step.airflow_id for step in steps} == {"workers.drain_node"}
    at_it = [step for step in steps if step.state not in (None, "success", "skipped", "upstream_failed", "removed")]
    assert len(at_it) <= 1
