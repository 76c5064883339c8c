"""What is made of a path: which runs it has, where we are on it, and how many steps it takes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from demo.journey import Journey
from demo.steps import how_many
from kubeadm_upgrade.next_hop import successor_of
from test_demo.paths import CONTROL_PLANE, FOUR_HOPS, ONE_HOP, WORKERS, Json, hop, path

FOUR = Journey.of_json(FOUR_HOPS)
RUNS = ("to-1.32", "to-1.32~2", "to-1.32~3", "to-1.32~4")
NODES = dict.fromkeys(CONTROL_PLANE, True) | dict.fromkeys(WORKERS, False)
WITH_WORKERS, WITHOUT_WORKERS = how_many(2, 2), how_many(2, 0)


@pytest.mark.parametrize("over", range(4))
def test_a_run_for_each_hop_that_is_over_and_one_for_the_one_under_way(over: int) -> None:
    assert replace(FOUR, over=over).runs("to-1.32") == RUNS[: over + 1]


def test_the_runs_are_those_that_each_run_triggers_in_turn() -> None:
    triggered = ["to-1.32"]
    for _ in FOUR.hops[1:]:
        triggered.append(successor_of(triggered[-1]))
    assert replace(FOUR, over=3).runs("to-1.32") == tuple(triggered)


@pytest.mark.parametrize(
    ("over", "here", "steps_before", "is_last"),
    [
        (0, "hop 1 of 4: 1.28.15 → 1.29.15", 0, False),
        (1, "hop 2 of 4: 1.29.15 → 1.30.14", WITHOUT_WORKERS, False),
        (2, "hop 3 of 4: 1.30.14 → 1.31.14", 2 * WITHOUT_WORKERS, False),
        (3, "hop 4 of 4: 1.31.14 → 1.32.13", 2 * WITHOUT_WORKERS + WITH_WORKERS, True),
    ],
)
def test_where_we_are(over: int, here: str, steps_before: int, is_last: bool) -> None:
    journey = replace(FOUR, over=over)
    assert (journey.here, journey.steps_before, journey.is_last) == (here, steps_before, is_last)


@pytest.mark.parametrize(
    ("planned", "summary"),
    [
        (ONE_HOP, ""),
        (FOUR_HOPS, "path: 4 hops: 1.29.15, 1.30.14, 1.31.14, 1.32.13; at most 2 drains per worker"),
        (
            path(hop("1.28.15", "1.29.15"), hop("1.29.15", "1.30.14", WORKERS)),
            "path: 2 hops: 1.29.15, 1.30.14; at most 1 drain per worker",
        ),
        (
            path(hop("1.28.15", "1.29.15", at="1.30.14"), hop("1.29.15", "1.30.14", at="1.30.14")),
            "path: 2 hops: 1.29.15, 1.30.14; no drains",
        ),
    ],
)
def test_a_path_in_a_line(planned: Json, summary: str) -> None:
    assert Journey.of_json(planned).summary == summary


def test_before_the_plan_it_is_one_hop_of_all_nodes_that_nothing_is_said_of() -> None:
    journey = Journey.unplanned(NODES)
    assert journey.steps == Journey.of_json(ONE_HOP).steps == WITH_WORKERS
    assert (journey.here, journey.summary, journey.is_last) == ("", "", True)
    assert all(journey.hop.touches(node) for node in NODES)


@pytest.mark.parametrize(
    ("over", "touched"), [(0, CONTROL_PLANE), (1, CONTROL_PLANE), (2, tuple(NODES)), (3, tuple(NODES))]
)
def test_a_hop_touches_the_control_plane_and_the_workers_that_move(over: int, touched: tuple[str, ...]) -> None:
    journey = replace(FOUR, over=over)
    assert tuple(node for node in NODES if journey.hop.touches(node)) == touched


def test_a_worker_that_is_there_already_is_looked_at_again_but_not_drained() -> None:
    journey = Journey.of_json(path(hop("1.29.15", "1.29.15", WORKERS[:1], at="1.29.15")))
    assert journey.hop.workers == set(WORKERS)
    assert journey.most_drains == 1
    assert journey.steps == WITH_WORKERS


def test_a_plan_made_on_the_way_replaces_what_is_left() -> None:
    rest = Journey.of_json(path(hop("1.29.15", "1.30.15"), hop("1.30.15", "1.31.14", WORKERS)))
    journey = FOUR.onward().planned_anew(rest)
    assert [one.to for one in journey.hops] == ["1.29.15", "1.30.15", "1.31.14"]
    assert journey.here == "hop 2 of 3: 1.29.15 → 1.30.15"
