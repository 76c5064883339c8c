"""What an error says: the fact, what to do about it, and what becomes of the task."""

from __future__ import annotations

import copy
import pickle

import pytest

from kubeadm_upgrade import errors
from kubeadm_upgrade.errors import UpgradeError, remedy

CLEAR = "then clear this task: the run goes on from here"

SAID = {
    "an order": (errors.NeedsPerson("no key", do="make one"), 0, f"make one, {CLEAR}"),
    "none": (errors.NeedsPerson("no key"), 0, f"mend this, {CLEAR}"),
    "a run keeps its parameters": (
        errors.BadParameters("no w9", do="write w1"),
        0,
        "write w1, then start a new run: this one has changed nothing",
    ),
    "tried again, twice": (
        errors.Unreachable("no answer"),
        2,
        "nothing yet: it is tried again by itself, 2 more times",
    ),
    "tried again, and an order": (
        errors.Unauthorized("expired", do="renew it"),
        1,
        "renew it: it is tried again by itself, once more",
    ),
    "the last try": (errors.Unreachable("no answer"), 0, f"see whether it is well again, {CLEAR}"),
    "tries do not matter where only a person can": (errors.Forbidden("no", do="grant it"), 2, f"grant it, {CLEAR}"),
    "of a plan, which takes what look has seen": (
        errors.UpgradeRefused("a", "b"),
        0,
        (
            "mend this, then clear the task look, with what comes after it; "
            "to change a target_version that was given, start a new run"
        ),
    ),
}


@pytest.mark.parametrize(("error", "tries_left", "said"), SAID.values(), ids=SAID.keys())
def test_the_second_line(error: UpgradeError, tries_left: int, said: str) -> None:
    assert remedy(error, tries_left=tries_left) == said


def test_as_one_sentence() -> None:
    assert str(errors.NeedsPerson("no key", do="make one")) == "no key: make one"
    assert str(errors.NeedsPerson("no key")) == "no key"
    assert str(errors.UnitFailed("it ended\nits journal", do="read it")) == "it ended\nits journal\nread it"


def test_of_several_reasons_the_first_is_the_line():
    """The others follow, and none is lost."""
    error = errors.UpgradeRefused("no 1.29", "w1 is newer", "etcd is unknown")
    assert error.what.splitlines() == ["no 1.29 (and 2 more)", "w1 is newer", "etcd is unknown"]
    assert str(error) == "no 1.29; w1 is newer; etcd is unknown"


@pytest.mark.parametrize("again", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))], ids=["copy", "pickle"])
def test_an_error_survives_a_process_border(again: object) -> None:
    error = again(errors.Forbidden("no right", do="grant it"))  # type: ignore[operator]
    assert (str(error), error.what, error.do) == ("no right: grant it", "no right", "grant it")
