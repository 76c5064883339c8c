"""Whose group a worker is in, and in which order the groups come."""

from __future__ import annotations

from datetime import timedelta

import pytest

from kubeadm_upgrade.rollout.placement import Placed, placed, sorted_by_group, wanting
from kubeadm_upgrade.rollout.strategy import ALL_ALIKE, CANARY, REST, Group, Strategy

LABELS = {"w1": {"zone": "a"}, "w2": {"zone": "a"}, "w3": {"zone": "b"}, "w4": {"zone": "c"}, "w5": {}}
A, B = Group("a", {"zone": ("a",)}), Group("b", {"zone": ("b", "c")})


def names(groups):
    return {group.name: group.nodes for group in groups}


@pytest.mark.parametrize(
    ("strategy", "found"),
    [
        pytest.param(ALL_ALIKE, {REST: ("w1", "w2", "w3", "w4", "w5")}, id="without a rollout all are alike"),
        pytest.param(
            Strategy(groups=(B, A)), {"b": ("w3", "w4"), "a": ("w1", "w2"), REST: ("w5",)}, id="as in the file"
        ),
        pytest.param(
            Strategy(Group(CANARY, nodes=("w2", "w5")), (A, B)),
            {CANARY: ("w2", "w5"), "a": ("w1",), "b": ("w3", "w4"), REST: ()},
            id="the canary takes its nodes out of their groups",
        ),
        pytest.param(
            Strategy(groups=(A, Group("also", {"zone": ("a", "b")}))),
            {"a": ("w1", "w2"), "also": ("w3",), REST: ("w4", "w5")},
            id="of two groups the first",
        ),
        pytest.param(
            Strategy(groups=(Group("a", {"zone": ("a",)}, depends_on=("b",)), B)),
            {"b": ("w3", "w4"), "a": ("w1", "w2"), REST: ("w5",)},
            id="after what it depends on",
        ),
        pytest.param(
            Strategy(groups=(Group("none", {"zone": ("z",)}),)), {"none": (), REST: tuple(LABELS)}, id="empty"
        ),
    ],
)
def test_every_worker_has_one_group(strategy, found):
    """In the order of the run."""
    groups = placed(strategy, LABELS)
    assert names(groups) == found
    assert [group.name for group in groups] == list(found)


def test_every_group_waits_for_the_canary_and_the_rest_for_all():
    groups = placed(
        Strategy(Group(CANARY, nodes=("w1",)), (A, Group("b", {"zone": ("b",)}, depends_on=("a",)))), LABELS
    )
    assert {group.name: group.depends_on for group in groups} == {
        CANARY: (),
        "a": (CANARY,),
        "b": (CANARY, "a"),
        REST: (CANARY, "a", "b"),
    }


@pytest.mark.parametrize(
    ("most", "limit"),
    [
        pytest.param(None, None, id="as of all"),
        pytest.param(3, 3, id="a count"),
        pytest.param("50%", 1, id="a share"),
        pytest.param("1%", 1, id="at least one"),
    ],
)
def test_a_percentage_counts_the_group(most, limit):
    """Of zone a, which has two workers of five."""
    (group, _) = placed(Strategy(groups=(Group("a", {"zone": ("a",)}, (), most, soak=timedelta(hours=1)),)), LABELS)
    assert group == Placed("a", ("w1", "w2"), limit, (), timedelta(hours=1))


def test_a_node_of_two_groups_is_found_out():
    both = Strategy(Group(CANARY, nodes=("w1",)), (A, Group("also", {"zone": ("a",)})))
    assert list(wanting(both, "w1", LABELS["w1"])) == [CANARY, "a", "also"]


def test_names_are_sorted_by_group_and_otherwise_left_as_they_are():
    groups = placed(Strategy(groups=(B, A)), LABELS)
    assert sorted_by_group(("w5", "w2", "w1", "w4", "gone"), groups) == ("w4", "w2", "w1", "w5", "gone")
