"""One task as one cell: what Airflow says and what the task has told, put into one word."""

from __future__ import annotations

from dataclasses import replace

import pytest

from in_memory.runs import NOW, a_run, ago, at, ended, failed, of_the_run, waiting
from kubeadm_upgrade.board.board import board_of
from kubeadm_upgrade.board.cells import BY_HAND, LAST_WORD, state_of
from kubeadm_upgrade.board.record import TaskRecord, Waiting
from kubeadm_upgrade.board.view import Trouble

DRAIN = "workers.drain_node"


def cell(record, task=DRAIN, index=0):
    every = [cell for row in board_of(record, NOW).nodes for cell in row.cells]
    return next(one for one in every if (one.task, one.map_index) == (task, index))


@pytest.mark.parametrize(
    ("state", "outcome", "word"),
    [
        pytest.param("success", {"status": "changed"}, "done", id="something was done"),
        pytest.param("success", {"status": "unchanged"}, "unchanged", id="nothing was to be done"),
        pytest.param("success", {"status": "planned"}, "done", id="rehearsed"),
        pytest.param("success", {"status": "gone"}, "skipped", id="its Node has left"),
        pytest.param("success", None, "marked", id="somebody has marked it: a step that is done says so"),
        pytest.param("skipped", None, "skipped", id="somebody has had it skipped"),
        pytest.param("queued", None, "next", id="about to start"),
        pytest.param("running", None, "running", id="in a worker"),
        pytest.param("deferred", None, "waiting", id="in the triggerer"),
        pytest.param("awaiting_input", None, "waiting", id="for somebody's answer"),
        pytest.param("up_for_retry", None, "retrying", id="will be tried again"),
        pytest.param("failed", None, "failed", id="failed"),
        pytest.param("upstream_failed", None, "blocked", id="behind one that failed"),
        pytest.param(None, None, "none", id="not yet"),
        pytest.param("a state of Airflow 4", None, "none", id="unheard of"),
    ],
)
def test_a_state_in_a_word(state, outcome, word):
    assert state_of(TaskRecord(DRAIN, 0, state, outcome=outcome)) == word


def test_a_task_of_the_run_tells_no_outcome():
    assert state_of(TaskRecord("preflight", state="success")) == "done"


def test_what_is_waited_for_since_when():
    found = cell(at(a_run(), {"w1": DRAIN}, **waiting("pods to go from w1: shop/db-0", "pods")))
    assert (found.state, found.reason, found.since) == ("waiting", "pods to go from w1: shop/db-0", ago(11))
    assert found.log == "/dags/kubeadm_upgrade.prod/runs/night/tasks/workers.drain_node/mapped/0"


@pytest.mark.parametrize(("kind", "since"), [("pods", 4), ("command", 11)])
def test_a_time_beside_a_reason_is_that_reasons(kind, since):
    """But for a command: what it says is another line all the time."""
    found = cell(at(a_run(), {"w1": DRAIN}, state="deferred", waiting=Waiting("x", ago(11), kind, ago(4))))
    assert found.since == ago(since)


def test_a_command_on_the_host_runs_however_somebody_waits_for_its_end():
    found = cell(at(a_run(), {"w1": DRAIN}, **waiting("unit x is running: Get:1 kubeadm", "command")))
    assert (found.state, found.reason) == ("running", "unit x is running: Get:1 kubeadm")


@pytest.mark.parametrize("state", [None, "queued", "running", "failed", "success", "up_for_retry"], ids=str)
def test_a_wait_that_is_over_is_not_shown(state):
    """A task that was cleared, or goes on, may still have the XCom of what it waited for."""
    record = at(a_run(), {"w1": DRAIN}, **(waiting("pods to go", "pods") | {"state": state}))
    board = board_of(record, NOW)
    assert "pods to go" not in str(board.to_json())


def test_a_failure_says_why_and_what_to_do_and_how_it_is_tried_again():
    found = cell(at(a_run(), {"w1": DRAIN}, **failed("w1: drain_node: no", "mend it")))
    assert found.failure == Trouble("w1: drain_node: no", "mend it", ("a line of its journal",))
    assert found.clear.body["task_ids"] == [[DRAIN, 0]]
    assert (found.since, found.seconds) == (ago(11), 0.0)


def test_one_that_was_marked_as_failed_has_told_nothing():
    assert cell(at(a_run(), {"w1": DRAIN}, **(failed("") | {"failure": None}))).failure == BY_HAND


@pytest.mark.parametrize(
    ("of_a_node", "told"),
    [
        pytest.param(failed("w1: drain_node: no", "mend it"), None, id="for another, which says it"),
        pytest.param({}, LAST_WORD, id="by itself"),
    ],
)
def test_the_report_fails_for_what_others_have_done(of_a_node, told):
    record = of_the_run(at(a_run(), {"w1": DRAIN}, **of_a_node), "report", state="failed", ended=NOW)
    (shown,) = [one for one in board_of(record, NOW).run_tasks if one.task == "report"]
    assert (shown.state, shown.failure) == ("failed", told)


def test_one_that_asks_leads_to_its_question():
    record = of_the_run(a_run(), "approve", state="awaiting_input")
    (asks,) = [one for one in board_of(record, NOW).run_tasks if one.task == "approve"]
    assert asks.log == "/dags/kubeadm_upgrade.prod/runs/night/tasks/approve/required_actions"


def test_how_long_it_took():
    record = at(a_run(), {"w1": DRAIN})
    assert cell(record, "workers.admit").seconds == 10.0
    assert (cell(record).seconds, cell(record).since) == (None, ago(2))  # whoever shows it counts


def test_the_first_that_airflow_has_not_come_to_is_next():
    states = {one.task: one.state for one in board_of(at(a_run(), {"w1": DRAIN}, state=None), NOW).nodes[1].cells}
    assert states["workers.kubeadm_upgrade_node"] == "done"
    assert states[DRAIN] == "next"
    assert states["workers.uncordon_node"] == "none"


def test_nothing_is_next_once_the_run_is_over():
    record = ended(at(a_run(), {"w1": DRAIN}, state=None), "failed")
    assert "next" not in {one.state for row in board_of(record, NOW).nodes for one in row.cells}


def test_tasks_of_the_run_in_their_order():
    record = of_the_run(a_run(), "verify", state="failed")
    record = replace(record, tasks=(TaskRecord("worker_nodes", state="success"), *reversed(record.tasks)))
    board = board_of(record, NOW)
    assert [one.task for one in board.run_tasks] == [
        "claim",
        "look",
        "plan",
        "preflight",
        "approve",
        "verify",
        "next_hop",
        "report",
    ]


def test_the_stand_in_for_a_broken_file_shows_its_only_task():
    record = replace(
        a_run(hop=None, nodes=()), tasks=(TaskRecord("inventory_file_is_broken", state="failed", ended=ago(1)),)
    )
    board = board_of(record, NOW)
    assert [(one.task, one.state) for one in board.run_tasks] == [("inventory_file_is_broken", "failed")]
    assert board.sentence.startswith("The task inventory_file_is_broken failed at 03:13 UTC: ")


def test_ids_cannot_leave_their_place_in_a_link():
    record = at(a_run(run_id="../../x?y#z", dag_id="kubeadm_upgrade.a/b"), {"w1": DRAIN})
    assert cell(record).log == "/dags/kubeadm_upgrade.a%2Fb/runs/..%2F..%2Fx%3Fy%23z/tasks/workers.drain_node/mapped/0"
