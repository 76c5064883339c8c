"""What of all that was written down about a cluster holds this run up, and not one before or after it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from in_memory.runs import DONE, NOW, a_run, ago, at, ended, of_the_run
from kubeadm_upgrade.board.board import board_of
from kubeadm_upgrade.board.holds import marks_of
from kubeadm_upgrade.board.record import Marks
from kubeadm_upgrade.board.view import State

FIRST, SECOND = a_run(run_id="monday"), a_run(run_id="tuesday")
ABORTED = Marks(aborted="too late", given_up={"w1": "its disk"}, at=ago(30), run="monday")
LATER = Marks(at=ago(5), run="tuesday")


def board(record, *seen):
    return board_of(replace(record, marks=marks_of(record.run_id, seen)), NOW)


def test_a_run_that_waits_for_an_aborted_one_is_not_aborted():
    waits = of_the_run(SECOND, "claim", state="deferred")
    assert board(waits, ABORTED).state is State.CLAIMING
    assert marks_of("tuesday", [ABORTED]) == Marks()


def test_an_aborted_run_stays_aborted_once_the_next_has_looked():
    """By what it has written down itself."""
    over = ended(at(FIRST, {"cp1": DONE}), "failed")
    assert board(over, LATER, ABORTED).state is State.ABORTED


def test_an_old_run_that_failed_is_not_aborted_because_a_later_one_was():
    over = ended(at(FIRST, {"cp1": DONE}), "failed")
    found = board(over, replace(LATER, aborted="the wrong night", given_up={"w2": "x"}))
    assert found.state is State.FAILED
    assert not [note for note in found.findings if "given up" in note.text]


def test_a_pause_is_the_clusters_and_holds_whoever_is_under_way():
    paused = Marks(paused="incident 7", at=ago(2))
    found = marks_of("monday", [ABORTED, paused])
    assert (found.paused, found.aborted, found.at) == ("incident 7", "too late", ago(2))
    assert board(FIRST, paused).state is State.PAUSED
    assert board(ended(FIRST, "failed"), paused).state is State.FAILED


@pytest.mark.parametrize("resumed", [LATER, Marks(at=ago(1))], ids=["seen by another run", "seen by nobody's run"])
def test_a_pause_that_was_lifted_since_is_none(resumed):
    assert marks_of("monday", [replace(ABORTED, paused="x"), resumed]).paused is None


def test_what_nobody_has_written_down_is_nothing():
    assert marks_of("monday", [Marks(), Marks()]) == Marks()
