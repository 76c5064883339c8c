"""How an error leaves its task: what Airflow, the retry policy and the log see of it."""

from __future__ import annotations

import asyncio
import inspect
from pathlib import Path
from typing import Any

import pytest
from airflow.sdk import BaseAsyncOperator, RetryAction
from airflow.sdk.bases.operator import ExecutorSafeguard
from airflow.triggers.base import TriggerEvent

from kubeadm_airflow.endings import EndedForAPerson, Ending, EndsInTwoLines, TaskEnded, from_event, to_event
from kubeadm_airflow.operators.step import StepOperator
from kubeadm_airflow.trigger_events import events
from kubeadm_upgrade import errors
from kubeadm_upgrade.inventory import InventoryError
from upgrade_dags.cluster import ONLY_WHAT_TIME_CAN_CURE

KINDS = {
    name: kind
    for name, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.UpgradeError) and kind.__module__ == errors.__name__
}


class Failing(EndsInTwoLines, BaseAsyncOperator):
    """Raises what it is given, at its first go and when it is resumed."""

    def __init__(self, *, error: BaseException, **kwargs: Any) -> None:
        super().__init__(task_id="failing", **kwargs)
        self.error = error

    async def aexecute(self, context: Any) -> None:
        raise self.error

    def resume(self, context: Any) -> None:
        raise self.error


def leave(error: BaseException, *, resumed: bool) -> BaseException:
    """What Airflow's task runner would catch."""
    operator = Failing(error=error)
    token = ExecutorSafeguard.tracker.set(operator)
    try:
        with pytest.raises(BaseException) as caught:  # noqa: PT011
            operator.resume_execution("resume", {}, {}) if resumed else operator.execute({})
        return caught.value
    finally:
        ExecutorSafeguard.tracker.reset(token)


@pytest.mark.parametrize("resumed", [False, True], ids=["in its worker", "after its trigger"])
@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_an_error_of_ours_leaves_as_the_one_exception_that_airflow_logs_in_a_line(kind, resumed):
    """And its family is still told by type: the retry policy knows nothing else."""
    error = kind("no", do="yes")
    left = leave(error, resumed=resumed)
    assert isinstance(left, SystemExit)
    assert isinstance(left, TaskEnded)
    assert (left.error, str(left)) == (error, "no: yes")
    decision = ONLY_WHAT_TIME_CAN_CURE.evaluate(left, try_number=1, max_tries=2).action
    assert decision is (RetryAction.FAIL if isinstance(error, errors.NeedsPerson) else RetryAction.DEFAULT)


@pytest.mark.parametrize("resumed", [False, True], ids=["in its worker", "after its trigger"])
def test_a_mistake_of_ours_keeps_its_stack(resumed):
    """Whoever mends it needs that."""
    mistake = KeyError("hop")
    assert leave(mistake, resumed=resumed) is mistake
    assert ONLY_WHAT_TIME_CAN_CURE.evaluate(mistake, try_number=1, max_tries=2).action is RetryAction.DEFAULT


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_an_error_comes_through_a_trigger_as_it_was(kind):
    """What, what to do, and the family."""
    found = from_event(to_event(kind("w1: no", do="yes")))
    assert (type(found), found.what, found.do) == (kind, "w1: no", "yes")


def test_a_kind_of_another_module_comes_through_as_its_family():
    """Of an inventory file that was broken meanwhile, for one."""
    found = from_event(to_event(InventoryError(Path("/fleet/prod.yaml"), ("prod.yaml: name: missing",))))
    assert (type(found), found.what, found.do) == (
        errors.NeedsPerson,
        "prod.yaml: name: missing",
        "mend /fleet/prod.yaml",
    )


def test_an_event_of_an_earlier_release_says_no_remedy():
    """Its trigger may still be waiting when this one is installed."""
    found = from_event({"error": "StepTimedOut", "message": "w1: patience has ended"})
    assert (type(found), found.what, found.do) == (errors.StepTimedOut, "w1: patience has ended", None)


def test_a_mistake_in_a_trigger_is_logged_there_and_only_named_in_its_task(caplog):
    """Its words may hold a secret."""

    async def work() -> None:
        raise KeyError("t0ken")

    event = asyncio.run(events(work()))
    assert type(event) is TriggerEvent
    assert event.payload == {"error": "OwnMistake", "message": "KeyError"}
    assert "KeyError: 't0ken'" in caplog.text


def test_a_step_raises_what_its_trigger_met():
    step = StepOperator(task_id="drain_node", cluster="prod", group="workers", steps=["drain_node"], node="w1", hop={})
    with pytest.raises(errors.Forbidden, match=r"^w1: no: grant it$"):
        step.resume({}, {"error": "Forbidden", "message": "w1: no", "do": "grant it"})


CLEAR = "then clear this task: the run goes on from here"
ENDINGS = {
    "of ours": (
        EndedForAPerson(errors.Forbidden("no right", do="grant it")),
        ("no right", f"What to do: grant it, {CLEAR}"),
    ),
    "with what a host has said": (
        TaskEnded(errors.CommandFailed("exit status 1\nE: no space\nE: left")),
        ("exit status 1", f"What to do: see whether it is well again, {CLEAR}"),
    ),
    "a mistake": (
        KeyError("t0ken"),
        (
            "KeyError, see its log",
            (
                "What to do: report this with its log, for it is a mistake in the upgrade's own code, then clear this "
                "task to try it again"
            ),
        ),
    ),
    "of Airflow": (
        "killed",
        ("Airflow has ended this task without a word of why", f"What to do: see the log of its scheduler, {CLEAR}"),
    ),
}


@pytest.mark.parametrize("name", ENDINGS)
def test_two_lines_and_no_more(name):
    exception, lines = ENDINGS[name]
    ending = Ending.of(exception)
    assert ending.lines == lines
    assert not any("\n" in line for line in ending.lines)


def test_what_was_said_comes_before_the_two_lines():
    ending = Ending.of(TaskEnded(errors.CommandFailed("exit status 1\nE: no space\nE: left")))
    assert ending.said == ("E: no space", "E: left")
