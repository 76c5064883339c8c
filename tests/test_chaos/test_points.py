"""Every component at every moment of every step: what is in the table is played, and what is not has its reason."""

from __future__ import annotations

from collections import Counter

import pytest

from chaos.components import COMPONENTS
from chaos.conftest import BATCHES
from chaos.moments import MOMENTS, NOT_THERE, NOTHING_TO_DO, Where
from chaos.page import PAGE, on_page
from chaos.points import cordoned_in, points_of, table
from kubeadm_upgrade.procedure import GROUPS
from lab import ClusterSpec

SPECS = {one: ClusterSpec("c", *one.shape) for one in COMPONENTS}
STEPS = [(group, step.name) for group, steps in GROUPS.items() for step in steps]


def test_every_step_has_a_moment_at_its_end_or_a_reason():
    """By the procedure itself: a step that is added has to be struck as well."""
    there = {(one.group, one.step) for one in MOMENTS if one.where is Where.AFTER and one.group != "run"}
    assert there | NOTHING_TO_DO.keys() == set(STEPS)
    assert there & NOTHING_TO_DO.keys() == set()


def test_every_step_that_lasts_has_a_moment_within_or_a_reason():
    there = {(one.group, one.step) for one in MOMENTS if one.where is Where.WITHIN}
    assert there | NOT_THERE.keys() | NOTHING_TO_DO.keys() == set(STEPS)


def test_no_moment_stands_twice():
    assert [one for one, times in Counter(map(str, MOMENTS)).items() if times > 1] == []


def test_at_least_sixty_injections_and_all_of_them_are_in_a_story():
    """Nothing of the table is left out of what the ring plays."""
    in_table = Counter((cell.component.name, str(cell.moment)) for cell in table() if cell.reason is None)
    in_stories = Counter(
        (point.component, str(point.moment)) for one, spec in SPECS.items() for point in points_of(one, spec, "1")
    )
    assert in_table == in_stories
    assert in_table.total() >= 60
    assert sorted(name for batch in BATCHES for name in batch) == sorted(one.name for one in COMPONENTS)


@pytest.mark.parametrize("seed", ["1", "another"])
def test_the_same_seed_plays_the_same(seed):
    stories = [points_of(one, spec, seed) for one, spec in SPECS.items()]
    assert stories == [points_of(one, spec, seed) for one, spec in SPECS.items()]


def test_what_waits_for_an_uncordon_is_played_where_there_is_one():
    """A node that a person has cordoned stays so: it has the moments of a restart at most."""
    for one, spec in SPECS.items():
        points = points_of(one, spec, "1")
        on_it = {point.moment.step for point in points if point.node == cordoned_in(spec)}
        assert on_it <= {"restart_kubelet", "node_ready", "static_pods_ready"}
        assert {point.node for point in points} <= set(spec.nodes)


@pytest.mark.parametrize("seed", [str(number) for number in range(20)])
def test_no_machine_boots_before_a_restart_that_is_waited_for(seed):
    """It would start the new kubelet, and nobody would restart it: the moments of a restart would never come."""
    for one, spec in SPECS.items():
        points = [point for point in points_of(one, spec, seed) if one.boots_in and point.moment.group == one.boots_in]
        by_moment = {(point.moment.step, point.moment.where): point.node for point in points}
        booted = [
            by_moment.pop(moment)
            for moment in (("upgrade_kubelet_and_kubectl", Where.AFTER), ("restart_kubelet", Where.WITHIN))
            if moment in by_moment
        ]
        waited_for = {
            node
            for (step, _), node in by_moment.items()
            if step in ("restart_kubelet", "node_ready", "static_pods_ready")
        }
        assert len({*booted}) == len(booted)
        assert not waited_for & {*booted}


def test_another_seed_plays_on_other_nodes():
    one, spec = next(iter(SPECS.items()))
    assert points_of(one, spec, "1") != points_of(one, spec, "2")


def test_the_page_shows_the_table():
    assert PAGE.read_text() == on_page(PAGE.read_text()), "python tests/chaos/page.py writes it anew"
