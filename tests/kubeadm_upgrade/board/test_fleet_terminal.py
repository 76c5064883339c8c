"""A fleet as lines: who needs a person, how old everything is, and only what was asked for."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import date, timedelta

import pytest
from rich.console import Console

from in_memory.runs import NOW, ago
from kubeadm_upgrade.board import fleet_terminal
from kubeadm_upgrade.board.fleet_view import ClusterRow, Fleet, State

PROD = ClusterRow(
    "prod",
    "kubeadm_upgrade.prod",
    State.NEEDS_PERSON,
    "w3 failed at config.",
    labels={"env": "prod", "team": "shop"},
    version="1.29.15",
    worst_kubelet="1.28.15",
    end_of_life=date(2025, 2, 28),
    days_left=-636,
    target="1.30",
    looked_at=ago(180),
)
TEST = ClusterRow("test", "kubeadm_upgrade.test", State.UNKNOWN, "Nobody has looked.", labels={"env": "test"})
FLEET = Fleet(NOW, (PROD, TEST)).to_json()


def drawn(fleet):
    console = Console(file=io.StringIO(), width=100, color_system=None)
    console.print(fleet_terminal.shown(fleet, NOW))
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_a_line_a_cluster():
    """With the oldest kubelet where that is another, and how old the look is."""
    assert drawn(FLEET) == [
        "cluster  version            days  target   seen",
        "prod     1.29.15 (1.28.15)  -636  1.30      3 h  w3 failed at config.",
        "test     ?                                never  Nobody has looked.",
        "",
        "2 clusters: 1 needs a person, 1 unknown",
    ]


def test_of_windows_a_column_tells_where_any_cluster_has_some():
    tonight = replace(PROD, next_window=ago(-600), window_until=ago(-60))
    lines = drawn(Fleet(NOW, (tonight, replace(TEST, next_window=ago(-600)), TEST)).to_json())
    assert lines[0].split() == ["cluster", "version", "days", "target", "window", "seen"]
    assert ["until 04:14 UTC" in lines[1], "13:14 UTC" in lines[2], "UTC" in lines[3]] == [True, True, False]


@pytest.mark.parametrize(
    ("labels", "needs_person", "names"),
    [
        pytest.param({}, False, ["prod", "test"], id="all"),
        pytest.param({"env": "prod"}, False, ["prod"], id="a label"),
        pytest.param({"env": "prod", "team": "x"}, False, [], id="all labels, or none"),
        pytest.param({}, True, ["prod"], id="who needs a person"),
    ],
)
def test_only_what_was_asked_for(labels, needs_person, names):
    found = fleet_terminal.matching(FLEET, labels, needs_person=needs_person)
    assert [one["name"] for one in found["clusters"]] == names
    assert found["schema"] == FLEET["schema"]


@pytest.mark.parametrize(
    ("seconds", "age"), [(0, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "119 min"), (7200, "2 h"), (200000, "2 d")]
)
def test_an_age_is_short(seconds, age):
    seen = replace(TEST, looked_at=NOW - timedelta(seconds=seconds))
    assert f" {age}  Nobody" in drawn(Fleet(NOW, (seen,)).to_json())[1]


def test_no_cluster_is_said():
    assert drawn({**FLEET, "clusters": []}) == ["There is no such cluster that you may see."]
