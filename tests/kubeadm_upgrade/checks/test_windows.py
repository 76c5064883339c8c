"""What preflight says of windows is what the gates would wait for in vain."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, time, timedelta

import pytest

from in_memory.examples import NEW, NOW, a_control_plane, a_hop, a_ledger, node_of
from in_memory.states import releases
from kubeadm_upgrade.checks.scene import Scene
from kubeadm_upgrade.checks.windows import fits_a_window
from kubeadm_upgrade.policy import RolloutPolicy
from kubeadm_upgrade.windows.calendar import ALWAYS, Calendar, Exclusion, Once, OnDays, Scope

HOP = a_hop()
HOUR = timedelta(hours=1)


def scene(calendar, **changes):
    nodes = tuple(node_of(HOP, name) for name in (*HOP.control_plane, *HOP.workers))
    policy = RolloutPolicy(calendar=calendar)
    found = Scene(HOP, policy, date(2026, 11, 23), nodes, {}, {}, a_control_plane(HOP), a_ledger(), releases(), now=NOW)
    return replace(found, **changes)


def weekly(duration):
    return Calendar(recurring=(OnDays(("sat",), time(22), duration),))


@pytest.mark.parametrize(
    ("judged", "words"),
    [
        pytest.param(scene(ALWAYS), [], id="no windows"),
        pytest.param(scene(weekly(4 * HOUR)), [], id="long enough"),
        pytest.param(
            scene(weekly(timedelta(minutes=5))),
            ["maintenance windows: none is ever long enough, since 2 control plane nodes take about 6 minutes"],
            id="too short for the control plane, and not for a node",
        ),
        pytest.param(
            scene(weekly(timedelta(minutes=1))),
            ["2 control plane nodes take", "cp1 takes about 3 minutes", "w1 takes about 2 minutes"],
            id="too short for anything: the first of each",
        ),
        pytest.param(
            scene(weekly(timedelta(minutes=5)), control_plane=a_control_plane(HOP, NEW)),
            [],
            id="the control plane is done",
        ),
        pytest.param(scene(weekly(HOUR / 60), hop=replace(HOP, ignore_window="an exploit")), [], id="ignored"),
        pytest.param(
            scene(Calendar(once=(Once(NOW - 2 * HOUR, HOUR),))),
            ["maintenance windows: none comes any more: add one"] * 3,
            id="over",
        ),
        pytest.param(
            scene(Calendar(exclusions=(Exclusion(NOW, NOW + 500 * 24 * HOUR, Scope.NODES),))),
            ["cp1 takes", "w1 takes"],
            id="a freeze of drains that has no end",
        ),
    ],
)
def test_a_run_that_would_wait_for_ever_is_told_before(judged, words):
    found = list(fits_a_window(judged))
    assert [one for one, some in zip(found, words, strict=True) if some not in one] == []
