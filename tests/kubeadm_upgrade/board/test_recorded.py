"""Boards of runs as a real Airflow had written them down: tests/recorded says where they were taken."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import jsonschema
import pytest

from kubeadm_upgrade.board.board import board_of
from kubeadm_upgrade.board.record import RunRecord
from kubeadm_upgrade.board.view import State
from kubeadm_upgrade.times.picture import as_svg
from recorded import moments, recorded

SCHEMA = json.loads((Path(__file__).resolve().parents[3] / "docs" / "board.schema.json").read_text())

# A recorded moment, and what its board must say: the beginning of the sentence, its end, and how nodes stand.
CASES = {
    "0-rehearsed": (
        State.REHEARSED,
        "Rehearsed, and nothing was changed: a run brings 3 control plane nodes and 4 work",
    ),
    "1-packages": (State.MOVING, "Packages are on "),
    "2-control-plane": (
        State.MOVING,
        "1 of 3 control plane nodes is at 1.29.15, shop-cp2 upgrades its control plane c",
    ),
    "3-budget": (State.WAITING, "None of 4 workers is done yet, shop-w1 has waited for Pods to go since "),
    "4-paused": (State.PAUSED, "Paused since "),
    "5-failed": (State.NEEDS_PERSON, "shop-w2 failed at Ready at "),
    "6-retried": (State.MOVING, "1 of 4 workers is done, "),
    "7-done": (State.DONE, "Done and verified in "),
}


def test_every_moment_is_tested_here():
    assert moments() == tuple(CASES)


@pytest.fixture(params=CASES)
def moment(request):
    return request.param


def test_what_the_sentence_says(moment):
    state, begins = CASES[moment]
    board = board_of(*recorded(moment))
    assert board.state is state
    assert board.sentence.startswith(begins)


def test_as_the_schema_has_it(moment):
    plain = board_of(*recorded(moment)).to_json()
    jsonschema.validate(plain, SCHEMA)
    assert json.loads(json.dumps(plain)) == plain


def test_it_is_read_back_as_it_was_recorded(moment):
    record, _ = recorded(moment)
    assert RunRecord.from_json(json.loads(json.dumps(record.to_json()))) == record


def test_every_node_is_in_the_runs_order(moment):
    board = board_of(*recorded(moment))
    assert [row.name for row in board.nodes] == [f"shop-{one}" for one in ("cp1", "cp2", "cp3", "w1", "w2", "w3", "w4")]


def states(moment):
    return Counter(row.state for row in board_of(*recorded(moment)).nodes)


def cells(moment, node):
    row = next(row for row in board_of(*recorded(moment)).nodes if row.name == node)
    return {cell.task: cell for cell in row.cells}


def test_a_rehearsal_leaves_every_kubelet_as_it_was():
    board = board_of(*recorded("0-rehearsed"))
    assert {row.kubelet for row in board.nodes} == {"1.28.15"}
    assert board.actions == ()


def test_a_command_on_a_host_is_work_and_shows_its_last_line():
    cell = cells("2-control-plane", "shop-cp2")["control_plane.kubeadm_upgrade"]
    assert cell.state == "running"
    assert cell.reason.startswith("unit kubeadm-upgrade-v1.29.15 is running")


def test_a_budget_is_named_with_its_pod():
    cell = cells("3-budget", "shop-w1")["workers.drain_node"]
    assert cell.state == "waiting"
    assert "shop/web-" in cell.reason
    assert "The disruption budget web needs" in cell.reason
    assert states("3-budget") == {"done": 3, "waiting": 1, "queued": 3}
    assert cells("3-budget", "shop-w4")["workers.admit"].reason == "its turn"


def test_a_pause_says_why_and_who_is_finished_first():
    board = board_of(*recorded("4-paused"))
    assert "(incident 4711, asked by admin): nothing new begins until somebody resumes it" in board.sentence
    assert board.sentence.endswith("shop-w1 is finished first.")
    assert [one.id for one in board.actions][:2] == ["resume", "abort"]


def test_a_failure_says_why_what_to_do_and_is_tried_again_by_one_call():
    board = board_of(*recorded("5-failed"))
    cell = cells("5-failed", "shop-w2")["workers.node_ready"]
    assert cell.failure.why.startswith("shop-w2: node_ready: patience has ended, still waiting: shop-w2 is not Ready")
    assert "clear this task: the run goes on from here" in cell.failure.do
    assert cell.clear.body["task_ids"] == [["workers.node_ready", 1]]
    assert states("5-failed") == {"done": 4, "failed": 1, "queued": 2}
    assert {one.id for one in board.actions} == {"retry:workers.node_ready:1", "pause", "abort", "give_up:shop-w2"}
    assert board.sentence.endswith("1 of 4 workers is done, 2 others wait until then.")


def test_what_was_waited_for_before_a_retry_is_shown_no_more():
    """Airflow deletes a task's XComs when it begins anew, and until then nothing of it is current."""
    assert states("6-retried")["failed"] == 0
    assert all(not cell.failure for cell in cells("6-retried", "shop-w2").values())


def test_once_it_is_done_everybody_runs_the_target():
    board = board_of(*recorded("7-done"))
    assert states("7-done") == {"done": 7}
    assert {row.kubelet for row in board.nodes} == {"1.29.15"}
    assert (board.progress.done, board.progress.of) == (7, 7)
    assert board.seconds_left is None


def test_its_outcomes_tell_when_and_what_they_waited_for():
    record, _ = recorded("7-done")
    outcomes = record.report["outcomes"]
    assert all({"began", "ended", "seconds", "waited"} <= outcome.keys() for outcome in outcomes)
    waited = Counter(kind for outcome in outcomes for kind, _ in outcome["waited"])
    assert waited.keys() >= {"turn", "slot", "pods", "command", "node"}


def test_its_report_has_a_picture_with_everybody_in_it():
    record, _ = recorded("7-done")
    picture = as_svg(record.report)
    assert all(f">{node.name}<" in picture for node in record.nodes)


def test_what_is_left_is_never_more_than_a_guess_before_it():
    """The lab's hosts are quick, and after its first nodes the run knows."""
    left = [board_of(*recorded(moment)).seconds_left for moment in ("1-packages", "2-control-plane", "3-budget")]
    assert left == sorted(left, reverse=True)
