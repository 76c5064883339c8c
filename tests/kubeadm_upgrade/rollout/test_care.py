"""What of a rollout an approval covers: more care is the same, less is another thing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from kubeadm_upgrade.rollout.care import loosened, rollout_care
from kubeadm_upgrade.rollout.strategy import ALL_ALIKE, CANARY, Group, Health, Query, Strategy

HOUR = timedelta(hours=1)
ZONE_A = Group("a", {"zone": ("a",)}, max_unavailable=2, soak=HOUR)
ZONE_B = Group("b", {"zone": ("b", "c")}, depends_on=("a",))
HEALTH = Health(daemon_sets=True, query=Query("prometheus", "up > bool 0"))
CANARIES = Group(CANARY, nodes=("w1",), soak=HOUR)
APPROVED = Strategy(CANARIES, (ZONE_A, ZONE_B), 2, "10%", HEALTH, timedelta(seconds=30))


def with_a(**changes):
    return replace(APPROVED, groups=(replace(ZONE_A, **changes), ZONE_B))


def test_it_is_kept_in_plain_words():
    assert rollout_care(APPROVED) == {
        "canary": "w1",
        "canary soak": "1h",
        "group a": "zone=a",
        "group a max_unavailable": "2",
        "group a soak": "1h",
        "group b": "zone=b|c",
        "group b depends_on": "a",
        "groups_at_once": "2",
        "health daemon_sets": "yes",
        "health query": "up > bool 0",
        "max_failed": "10%",
        "ready_for": "30s",
    }
    assert rollout_care(ALL_ALIKE) == {}


@pytest.mark.parametrize(
    ("now", "told"),
    [
        pytest.param(APPROVED, [], id="the same"),
        pytest.param(replace(APPROVED, canary=None), ["canary w1 → none", "canary soak 1h → none"], id="no canary"),
        pytest.param(
            replace(APPROVED, canary=Group(CANARY, nodes=("w2",), soak=HOUR)), ["canary w1 → w2"], id="another canary"
        ),
        pytest.param(with_a(soak=2 * HOUR), [], id="a longer soak"),
        pytest.param(with_a(soak=HOUR / 2), ["group a soak 1h → 30m"], id="a shorter soak"),
        pytest.param(with_a(max_unavailable=1), [], id="fewer of a group"),
        pytest.param(with_a(max_unavailable=3), ["group a max_unavailable 2 → 3"], id="more of a group"),
        pytest.param(with_a(max_unavailable="1%"), ["group a max_unavailable 2 → 1%"], id="a share of a group"),
        pytest.param(with_a(max_unavailable=None), ["group a max_unavailable 2 → none"], id="as many as there are"),
        pytest.param(with_a(depends_on=("b",)), [], id="another dependency"),
        pytest.param(
            replace(APPROVED, groups=(ZONE_A, replace(ZONE_B, depends_on=()))),
            ["group b depends_on a → none"],
            id="one dependency less",
        ),
        pytest.param(replace(APPROVED, groups=(*APPROVED.groups, Group("c", {"x": ("y",)}))), [], id="one group more"),
        pytest.param(
            replace(APPROVED, groups=(ZONE_A,)),
            ["group b zone=b|c → none", "group b depends_on a → none"],
            id="one less",
        ),
        pytest.param(replace(APPROVED, groups_at_once=1), [], id="fewer groups at once"),
        pytest.param(replace(APPROVED, groups_at_once=3), ["groups_at_once 2 → 3"], id="more groups at once"),
        pytest.param(replace(APPROVED, max_failed=0), [], id="none may fail"),
        pytest.param(replace(APPROVED, max_failed="5%"), [], id="fewer may fail"),
        pytest.param(replace(APPROVED, max_failed=1), ["max_failed 10% → 1"], id="a share cannot be compared"),
        pytest.param(
            replace(APPROVED, health=Health(workloads=True)),
            ["health daemon_sets yes → none", "health query up > bool 0 → none"],
            id="other health",
        ),
        pytest.param(replace(APPROVED, ready_for=timedelta()), ["ready_for 30s → none"], id="not Ready for long"),
    ],
)
def test_what_is_looser_is_told(now, told):
    assert sorted(loosened(rollout_care(APPROVED), rollout_care(now))) == sorted(f"rollout: {one}" for one in told)


def test_one_failure_is_more_than_none():
    none, one = rollout_care(ALL_ALIKE), rollout_care(Strategy(max_failed=1))
    assert list(loosened(none, one)) == ["rollout: max_failed none → 1"]
