"""What a cluster's file may say of a rollout, and what is wrong with it in one sentence."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from kubeadm_upgrade.rollout.strategy import ALL_ALIKE, CANARY, Group, Health, Query, Strategy
from kubeadm_upgrade.rollout_file import RolloutSettings


def strategy(**settings):
    return RolloutSettings.model_validate(settings).strategy


A = {"name": "a", "selector": {"zone": "a"}}


def test_a_whole_rollout_is_read():
    """`soak` is that of the canary and of each group which has none of its own."""
    read = strategy(
        canary={"nodes": ["w1"], "selector": {"tier": "canary"}, "soak": "2h"},
        soak="30m",
        groups=[
            {"name": "a", "selector": {"zone": "a"}, "max_unavailable": "10%"},
            {"name": "b", "selector": {"zone": ["b", "c"]}, "depends_on": ["a"], "soak": "0s"},
        ],
        groups_at_once=2,
        success_criteria={"max_failed": "5%"},
        health={"daemon_sets": True, "workloads": True, "query": {"conn_id": "prometheus", "expr": "up > bool 0"}},
        ready_for="20s",
    )
    canary = Group(CANARY, {"tier": ("canary",)}, ("w1",), soak=timedelta(hours=2))
    zone_a = Group("a", {"zone": ("a",)}, max_unavailable="10%", soak=timedelta(minutes=30))
    zone_b = Group("b", {"zone": ("b", "c")}, depends_on=("a",))
    health = Health(daemon_sets=True, workloads=True, query=Query("prometheus", "up > bool 0"))
    assert read == Strategy(canary, (zone_a, zone_b), 2, "5%", health, timedelta(seconds=20))
    assert strategy() == ALL_ALIKE


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        pytest.param({"canary": {}}, "takes no worker: name some in nodes, or give a selector", id="an empty canary"),
        pytest.param({"canary": {"nodes": ["w1", "w1"]}}, "w1 is there twice: remove one of them", id="twice"),
        pytest.param({"groups": [{"name": "a"}]}, "has an empty selector, and so takes no worker", id="no selector"),
        pytest.param({"groups": [A | {"selector": {}}]}, "has an empty selector, and so takes no worker", id="empty"),
        pytest.param(
            {"groups": [A | {"selector": {"zone": []}}]}, "zone: has no value, and so takes no", id="no value"
        ),
        pytest.param({"groups": [A | {"selector": {"a b": "c"}}]}, "'a b' names no label", id="no label"),
        pytest.param({"groups": [A, A]}, "a is there twice: remove one of them", id="two groups of a name"),
        pytest.param({"groups": [A | {"name": "rest"}]}, "is the name of a group that is there by itself", id="rest"),
        pytest.param({"groups": [A | {"name": "Zone A"}]}, "should match pattern", id="a name with a blank"),
        pytest.param(
            {"groups": [A | {"depends_on": ["b"]}]},
            "a depends on b, and there is no such group",
            id="unknown dependency",
        ),
        pytest.param({"groups": [A | {"depends_on": ["a"]}]}, "a → a: each waits for the next", id="itself"),
        pytest.param(
            {"groups": [A | {"depends_on": ["b"]}, {"name": "b", "selector": {"zone": "b"}, "depends_on": ["a"]}]},
            "a → b → a: each waits for the next, so none would begin: take one out",
            id="a cycle",
        ),
        pytest.param({"groups": [A | {"max_unavailable": 0}]}, "must be at least 1", id="none at a time"),
        pytest.param({"groups": [A | {"max_unavailable": "101%"}]}, "from 1% to 100%", id="more than all"),
        pytest.param({"groups": [A | {"max_unavailable": "0%"}]}, "from 1% to 100%", id="nobody, in per cent"),
        pytest.param({"groups": [A | {"selector": {"zone": 5}}]}, "zone: 5 is no value of a label", id="a number"),
        pytest.param({"groups": [A | {"selector": {"zone": [5]}}]}, "zone: 5 is no value of a label", id="in a list"),
        pytest.param({"health": {"workloads": "on"}}, "should be a valid boolean", id="a word for true"),
        pytest.param({"groups": [A | {"max_unavailable": True}]}, "must be a count such as 2", id="a word"),
        pytest.param({"groups_at_once": 0}, "greater than or equal to 1", id="no group at a time"),
        pytest.param({"success_criteria": {"max_failed": -1}}, "must be at least 0", id="fewer than none"),
        pytest.param({"success_criteria": {"max_failed": "half"}}, "must be a count such as 2", id="no number"),
        pytest.param({"health": {"query": {"conn_id": "x"}}}, "expr", id="a query without one"),
        pytest.param({"soak": 30}, "must be a duration such as 90m", id="a bare number"),
        pytest.param({"soak": "31d"}, "must not be longer than 30d", id="longer than a month"),
        pytest.param({"ready_for": "soon"}, "must be a duration such as 90m", id="no duration"),
    ],
)
def test_a_mistake_gets_a_sentence(settings, sentence):
    with pytest.raises(ValidationError) as caught:
        strategy(**settings)
    assert sentence in str(caught.value)
