"""Random rollouts over a cluster in memory: whatever the groups, the order, the limits and the pauses are kept."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from in_memory.rollouts import ZONE, Rollout
from kubeadm_upgrade.rollout.strategy import CANARY, REST, Group, Strategy

EXAMPLES = int(os.environ.get("ROLLOUTS", "40"))
ZONES = ("a", "b", "c")
soaks = st.sampled_from([0, 0, 3, 10]).map(lambda minutes: timedelta(minutes=minutes))
limits = st.sampled_from([None, 1, 2, "50%"])


@st.composite
def strategies(draw) -> Strategy:
    """Zones in any order, each after some of those before it, and perhaps a canary."""
    names = draw(st.permutations(ZONES))[: draw(st.integers(0, 3))]
    groups = []
    for name in names:
        earlier = [one.name for one in groups]
        after = tuple(draw(st.lists(st.sampled_from(earlier), unique=True))) if earlier else ()
        groups.append(Group(name, {ZONE: (name,)}, (), draw(limits), after, draw(soaks)))
    canary = Group(CANARY, nodes=("w1",), soak=draw(soaks)) if draw(st.booleans()) else None
    return Strategy(canary, tuple(draw(st.permutations(groups))), draw(st.integers(1, 2)), draw(st.integers(0, 2)))


@settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(
    zones=st.lists(st.sampled_from((*ZONES, "elsewhere")), min_size=1, max_size=7),
    strategy=strategies(),
    max_unavailable=st.integers(1, 3),
    workers_per_run=st.sampled_from((None, 2, 3)),
    failing=st.lists(st.integers(0, 6), max_size=2),
    chance=st.integers(0, 9999),
)
def test_order_limits_and_pauses_are_kept_and_nothing_waits_for_ever(
    zones, strategy, max_unavailable, workers_per_run, failing, chance
):
    rollout = Rollout(zones, strategy, max_unavailable, chance, workers_per_run, failing)
    run = rollout.run()
    assert rollout.cluster.watch.violations == []
    for taken in rollout.taken:
        _check_limits(rollout, taken)
        _check_order(rollout, taken)
        assert len(taken.failed) <= strategy.max_failed, f"{taken.node} is begun although {taken.failed} have failed"
    if not failing:
        assert run.where == "success", [(task.work, task.state, task.said) for task in run.tasks][-20:]
        assert {taken.node for taken in rollout.taken} == set(rollout.workers)
    else:
        assert run.where in ("groups", "failed"), "whoever waits behind a failure waits for a person"


def _check_limits(rollout, taken):
    group = rollout.group(taken.group)
    alike = sum(rollout.group_of(name) == taken.group for name in rollout.workers)
    most = group.max_unavailable
    limit = {"50%": max(1, alike // 2), None: 99}.get(most, most)
    assert len(taken.out) < limit, f"{taken.node} is taken beside {taken.out} of {taken.group}"


def _check_order(rollout, taken):
    group = rollout.group(taken.group)
    first = [CANARY] if rollout.strategy.canary and taken.group != CANARY else []
    others = [one.name for one in rollout.strategy.groups] if taken.group == REST else group.depends_on
    for name in (*first, *others):
        left = {node for node in taken.not_done - taken.failed if rollout.group_of(node) == name}
        assert not left, f"{taken.node} is taken before {left} of {name} are done"
        assert rollout.soaked(name, taken.at), f"{taken.node} is taken before {name} has soaked"
    begun = {other.node for other in rollout.taken if other.at < taken.at}
    under_way = {rollout.group_of(name) for name in begun & taken.not_done - taken.failed}
    # of a group that has to wait for one before it the last nodes may be in flight
    assert len(under_way | {taken.group}) <= rollout.strategy.groups_at_once + 1


@pytest.mark.parametrize(
    ("zones", "order"),
    [
        pytest.param("aaab", "aaab", id="two runs share a group"),
        pytest.param("aab", "aab", id="it was the last of its run"),
    ],
)
def test_a_group_soaks_whatever_run_has_taken_it(zones, order):
    """What one run has done of it is not the group, and where nobody of that run comes after it, the next one waits."""
    strategy = Strategy(groups=(Group("a", {ZONE: ("a",)}, soak=timedelta(minutes=10)), Group("b", {ZONE: ("b",)})))
    rollout = Rollout(list(zones), strategy, max_unavailable=3, workers_per_run=2)
    assert rollout.run().where == "success"
    assert "".join(taken.group for taken in rollout.taken) == order
    for taken in rollout.taken:
        _check_order(rollout, taken)
