"""How long still: from what this run has shown, what earlier ones have left in the ledger, or a guess."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from in_memory.runs import DONE, NOW, a_run, ago, at, ended, failed, waiting
from kubeadm_upgrade.board.board import board_of
from kubeadm_upgrade.board.estimate import seconds_left
from kubeadm_upgrade.board.record import Marks, Pace, TaskRecord
from kubeadm_upgrade.board.sight import Sight
from kubeadm_upgrade.board.work import work_seconds
from kubeadm_upgrade.procedure import GROUPS, STEPS
from kubeadm_upgrade.times.usual import GUESSES

END = 20
A_WORKER = sum(GUESSES[step.name] + 2 for step in GROUPS["workers"])


def left(record, now=NOW):
    return seconds_left(Sight(record, now))


def waiting_workers(*names, record=None):
    return at(
        record or a_run(1, len(names)),
        {"cp1": DONE} | dict.fromkeys(names, "workers.next_in_line"),
        state=None,
        started=None,
    )


def forget(record):
    """As of a run in which every step found nothing to do: it measures nothing."""
    tasks = (replace(t, outcome={**t.outcome, "status": "unchanged"}) if t.outcome else t for t in record.tasks)
    return replace(record, tasks=tuple(tasks))


def test_every_step_has_a_guess():
    assert set(GUESSES) == set(STEPS)


def test_workers_come_one_after_the_other():
    assert left(forget(waiting_workers("w1", "w2", "w3"))) == 3 * A_WORKER + END


@pytest.mark.parametrize(("at_once", "rounds"), [(1, 4), (2, 2), (3, 2), (4, 1), (9, 1)])
def test_or_as_many_at_once_as_may(at_once, rounds):
    record = replace(forget(waiting_workers("w1", "w2", "w3", "w4")), pace=Pace(workers_at_once=at_once))
    assert left(record) == rounds * A_WORKER + END


def test_the_ledger_knows_better_than_a_guess():
    record = replace(forget(waiting_workers("w1")), pace=Pace({"drain_node": (100.0, 300.0, 200.0)}))
    assert left(record) == A_WORKER - GUESSES["drain_node"] + 200 + END


def test_and_this_run_better_than_the_ledger():
    """Ten seconds a step, as its other workers took."""
    record = at(waiting_workers("w2", record=a_run(1, 2)), {"w1": DONE})
    record = replace(record, pace=Pace({"drain_node": (100.0,)}))
    assert left(record) == len(GROUPS["workers"]) * 12 + END


def test_what_is_under_way_is_partly_done():
    def drains_for(minutes):
        record = forget(at(a_run(1, 1), {"cp1": DONE, "w1": "workers.drain_node"}, started=ago(minutes)))
        return left(replace(record, pace=Pace({"drain_node": (120.0,)})))

    assert drains_for(0) - drains_for(1) == 60
    assert drains_for(10) == drains_for(1000)  # longer than usual: soon, for ever


def test_a_node_that_waits_for_its_turn_has_done_nothing_of_it():
    later = at(
        a_run(1, 1), {"cp1": DONE, "w1": "workers.next_in_line"}, **waiting("its turn", "turn", 600), started=ago(600)
    )
    assert left(forget(later)) == A_WORKER + END


@pytest.mark.parametrize(
    "record",
    [
        pytest.param(a_run(hop=None, nodes=()), id="nothing is planned"),
        pytest.param(ended(at(a_run(1, 0), {"cp1": DONE})), id="it is over"),
        pytest.param(
            at(a_run(1, 1), {"cp1": DONE, "w1": "workers.drain_node"}, **failed("x")), id="a person is needed"
        ),
        pytest.param(replace(waiting_workers("w1"), marks=Marks(paused="x")), id="it is paused"),
        pytest.param(replace(waiting_workers("w1"), params={"dry_run": True}), id="it is a rehearsal"),
    ],
)
def test_where_nobody_can_tell_nothing_is_told(record):
    assert board_of(record, NOW).seconds_left is None


@given(done=st.integers(0, 12), at_once=st.integers(1, 5))
def test_the_more_is_done_the_less_is_left(done, at_once):
    def with_done(number):
        record = at(a_run(1, 12), {"cp1": DONE} | {f"w{n + 1}": DONE for n in range(number)})
        rest = {f"w{n + 1}": "workers.next_in_line" for n in range(number, 12)}
        record = at(record, rest, state=None, started=None)
        return left(replace(record, pace=Pace(workers_at_once=at_once)))

    assert with_done(done) >= with_done(min(12, done + 1)) >= END


NONSENSE = (
    [None],
    ["turn"],
    [["turn"]],
    [["turn", None]],
    [["turn", "?"]],
    [[["turn"], 1.0]],
    [["turn", 1, 2]],
    {"turn": 1},
)


@pytest.mark.parametrize(
    ("outcome", "seconds"),
    [
        pytest.param({"seconds": 40.0}, 40.0, id="of an earlier release"),
        pytest.param({"seconds": 40.0, "waited": [["turn", 25.0], ["command", 10.0]]}, 15.0, id="its turn is no work"),
        pytest.param({"seconds": 4.0, "waited": [["slot", 25.0]]}, 0.0, id="clocks differ"),
        pytest.param({}, 0.0, id="nothing told"),
        pytest.param({"seconds": "?", "waited": "?"}, 0.0, id="nonsense"),
        *(pytest.param({"seconds": 9.0, "waited": odd}, 9.0, id=f"nonsense: {odd}") for odd in NONSENSE),
    ],
)
def test_work_is_what_is_not_somebody_elses_time(outcome, seconds):
    assert work_seconds(outcome) == seconds


def test_a_run_of_a_task_that_is_not_in_the_procedure_any_more():
    record = replace(waiting_workers("w1"), tasks=(*a_run().tasks, TaskRecord("workers.unheard_of", 0, "running")))
    assert left(record) > 0
