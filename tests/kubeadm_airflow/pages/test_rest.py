"""What every open page asks for takes less than a hundredth of a core."""

from __future__ import annotations

import time

import pytest

from kubeadm_airflow.pages.rest import Rest


def work(seconds: float) -> None:
    """As a processor does it: waiting is none."""
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def rested(rest: Rest, seconds: float) -> float:
    """How long it then rests."""
    began = time.monotonic()
    with rest.after():
        work(seconds)
    assert not rest.is_over
    while not rest.is_over:
        time.sleep(0.005)
    return time.monotonic() - began


def test_nothing_is_waited_for_at_first():
    assert Rest(1, 2).is_over


def test_it_rests_after_work_that_has_failed_too():
    rest = Rest(1, 2)
    with pytest.raises(ZeroDivisionError), rest.after():
        _ = 1 / 0
    assert (rest.is_over, rest.has_failed) == (False, True)
    with rest.after():
        pass
    assert not rest.has_failed


@pytest.mark.parametrize(
    ("rest", "works", "rests"),
    [
        pytest.param(Rest(0.0, 9.0), 0.005, 1.0, id="as many times as long as it worked"),
        pytest.param(Rest(0.2, 9.0), 0.0, 0.2, id="never shorter than that"),
        pytest.param(Rest(0.0, 0.3), 0.05, 0.3, id="never longer than that"),
    ],
)
def test_it_rests(rest, works, rests):
    assert rested(rest, works) == pytest.approx(rests, abs=0.25)
