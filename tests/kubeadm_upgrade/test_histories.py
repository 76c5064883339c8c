"""Random histories over a cluster in memory: nothing ever goes back, no rule is broken, and all ends well.

Whatever runs, people and bad luck have done to a cluster: once people have mended what is broken, runs bring it to the
newest version. HISTORIES=5000 tries so many.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from in_memory.histories import EVENTS, History, Start

EXAMPLES = int(os.environ.get("HISTORIES", "100"))
NUMBERS = st.integers(0, 20)

starts = st.builds(
    Start,
    control_plane=st.integers(1, 3),
    workers=st.integers(1, 4),
    lag=st.integers(0, 1),
    slow=st.integers(0, 4),
    max_unavailable=st.integers(1, 2),
    workers_per_run=st.sampled_from((None, 2, 1)),
    gates=st.booleans(),
    chance=st.integers(0, 9999),
)
# what a history mostly consists of is time that passes
WEIGHTS = {
    "advance": 12,
    "advance_far": 6,
    "advance_to_kubeadm": 4,
    "start": 4,
    "take_over": 3,
    "clear_failed": 3,
    "reboot_busy": 3,
    "kill": 2,
}
events = st.tuples(st.sampled_from([name for name in EVENTS for _ in range(WEIGHTS.get(name, 1))]), NUMBERS, NUMBERS)


def live(start: Start, *happened: tuple[str, int, int]) -> History:
    """A history to its end."""
    history = History(start)
    for event in happened:
        history.happen(*event)
    left = history.bring_to_success()
    story = "\n".join(history.cluster.watch.log) if os.environ.get("STORY") else ""
    assert not history.cluster.watch.violations, "\n".join([*history.cluster.watch.violations[:5], story])
    assert not left, "\n".join([*left, story])
    return history


@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
)
@given(start=starts, happened=st.lists(events, min_size=3, max_size=30))
@pytest.mark.timeout(0)
def test_whatever_happened_nothing_is_broken_and_all_ends_well(start, happened):
    live(start, ("start", 6, 0), *happened)
