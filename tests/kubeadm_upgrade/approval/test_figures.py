"""A finding that was shown covers the same one of another look, where it is no worse."""

from __future__ import annotations

import pytest

from kubeadm_upgrade.approval.terms import Block


def clock(seconds, where="ahead of"):
    return Block("clocks_agree", f"w1: its clock is {seconds} s {where} the others': see to its time synchronisation")


def room(free, needed=768):
    return Block("room_on_disks", f"w1: /dev/sda1 has {free} MiB free, and {needed} MiB are needed: make room")


def blind(needed):
    return Block("room_on_disks", f"w1: df answers - for the room that /dev/sda1 has, and {needed} MiB are needed")


@pytest.mark.parametrize(
    ("shown", "now", "is_covered"),
    [
        pytest.param(clock(40), clock(40), True, id="the same"),
        pytest.param(clock(40), clock(43), True, id="nearly"),
        pytest.param(clock(40), clock(12), True, id="less"),
        pytest.param(clock(40), clock(50), False, id="more"),
        pytest.param(clock(40), clock(90000), False, id="another day"),
        pytest.param(clock(40), clock(40, "behind"), False, id="the other way"),
        pytest.param(room(700), room(650), True, id="nearly as much room"),
        pytest.param(room(700), room(760), True, id="more room"),
        pytest.param(room(700), room(12), False, id="much less"),
        pytest.param(room(0), room(0), True, id="none, as before"),
        pytest.param(room(0, 768), room(0, 4096), False, id="more is needed"),
        pytest.param(blind(768), blind(768), True, id="what cannot be compared, as before"),
        pytest.param(blind(768), blind(769), False, id="and otherwise"),
        pytest.param(Block("swap_off", "w1: up 3 days"), Block("swap_off", "w1: up 90 days"), True, id="other checks"),
    ],
)
def test_a_worse_figure_is_another_finding(shown, now, is_covered):
    assert shown.covers(now) is is_covered
