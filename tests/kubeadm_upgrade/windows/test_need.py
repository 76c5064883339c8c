"""How much of a window a piece of work needs: what nine of ten have taken."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeadm_upgrade.procedure import GROUPS
from kubeadm_upgrade.times.usual import GUESSES, guess
from kubeadm_upgrade.windows.need import STEPS_OF, need

SECONDS = st.lists(st.floats(0, 10_000), min_size=1, max_size=50)


@pytest.mark.parametrize(
    ("durations", "steps", "seconds"),
    [
        pytest.param({}, ["drain_node"], GUESSES["drain_node"], id="nothing is known"),
        pytest.param({"drain_node": ()}, ["drain_node"], GUESSES["drain_node"], id="nothing yet"),
        pytest.param({}, ["of_a_later_release"], guess("of_a_later_release"), id="a step that nobody knows"),
        pytest.param({"drain_node": (7.0,)}, ["drain_node"], 7, id="one"),
        pytest.param({"drain_node": (1.0, 2.0)}, ["drain_node"], 2, id="two: the longer"),
        pytest.param({"drain_node": tuple(map(float, range(1, 11)))}, ["drain_node"], 9, id="ten: the ninth"),
        pytest.param(
            {"drain_node": (*[1.0] * 19, 900.0)}, ["drain_node"], 1, id="one in twenty is none of nine in ten"
        ),
        pytest.param({"admit": (900.0,)}, ["admit"], 0, id="to be admitted is no work"),
        pytest.param({"drain_node": (7.0,), "node_ready": (3.0,)}, ["drain_node", "node_ready"], 10, id="a sum"),
    ],
)
def test_what_work_needs(durations, steps, seconds):
    assert need(durations, steps) == timedelta(seconds=seconds)


@given(SECONDS, st.randoms())
def test_it_is_some_steps_own_time_whatever_order_they_came_in(seconds, chance):
    found = need({"drain_node": seconds}, ["drain_node"])
    assert found in [timedelta(seconds=one) for one in seconds]
    assert sum(timedelta(seconds=one) <= found for one in seconds) >= 0.9 * len(seconds)
    shuffled = list(seconds)
    chance.shuffle(shuffled)
    assert need({"drain_node": shuffled}, ["drain_node"]) == found


def test_the_steps_that_wait_for_windows_are_those_of_the_procedure():
    steps = {group: tuple(step.name for step in steps) for group, steps in GROUPS.items()}
    assert steps.pop("stage")  # nothing that runs changes: it waits for none
    assert steps == STEPS_OF


@pytest.mark.parametrize("group", GROUPS)
def test_of_every_step_something_is_believed_before_there_is_history(group):
    assert all(step.name in GUESSES for step in GROUPS[group])
