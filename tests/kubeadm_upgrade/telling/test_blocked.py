"""When a wait is told, and what of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from kubeadm_upgrade.telling import blocked
from kubeadm_upgrade.telling.notice import Notice
from kubeadm_upgrade.waits import Wait, Waits

NOON = datetime(2026, 12, 5, 12, tzinfo=UTC)
QUARTER = timedelta(minutes=15)

WANTED = {Wait.CLUSTER, Wait.TURN, Wait.SLOT, Wait.PAUSE, Wait.WINDOW, Wait.SOAK, Wait.FAILURES}


def work(step="drain_node", node="w1"):
    run = SimpleNamespace(unmistakable="run night")
    return SimpleNamespace(cluster="prod", run=run, group="workers", step=step, node=node)


@pytest.mark.parametrize("kind", Wait)
def test_what_somebody_wants_so_blocks_nothing(kind):
    """However long it lasts; what does not come about by itself does after its time, and not a second before."""
    waits = Waits(kind, "x", NOON)
    assert blocked.is_blocked(waits, NOON + QUARTER, QUARTER) is (kind not in WANTED)
    assert not blocked.is_blocked(waits, NOON + QUARTER - timedelta(seconds=1), QUARTER)


def test_another_reason_for_the_same_wait_is_the_same_wait():
    waits = Waits(Wait.PODS, "a", NOON)
    later = waits.then(Wait.PODS, "b", NOON + QUARTER)
    assert blocked.mark(later) == blocked.mark(waits)
    back = later.then(Wait.ANSWER, "c", NOON + QUARTER).then(Wait.PODS, "b", NOON + 2 * QUARTER)
    assert blocked.mark(back) != blocked.mark(waits)


def test_it_says_who_waits_how_long_for_what_and_what_to_do():
    event = blocked.blocked(work(), Waits(Wait.PODS, "shop/db-0", NOON), NOON + QUARTER)
    assert event.text == "w1: drain_node has waited for Pods to go for 15 minutes: shop/db-0"
    assert event.do.startswith("see what holds them: a PodDisruptionBudget")


@pytest.mark.parametrize("kind", [kind for kind in Wait if kind not in WANTED])
def test_every_kind_says_what_to_do(kind):
    assert blocked.blocked(work(), Waits(kind, "x", NOON), NOON).do


def id_of(event):
    return Notice.of(event, dag_id="d", run_id="r", began="", now=NOON).id


def test_those_that_wait_to_be_admitted_tell_one_thing():
    """Also from two triggerers, and a little apart."""
    events = [
        blocked.blocked(work("admit", f"w{n}"), Waits(Wait.ANSWER, "no answer", NOON + timedelta(seconds=n)), NOON)
        for n in range(500)
    ]
    assert len({id_of(event) for event in events}) == 1
    assert blocked.share(work("admit"), Waits(Wait.ANSWER, "x", NOON))[1] == 1


def test_two_nodes_at_work_are_two():
    events = [blocked.blocked(work(node=node), Waits(Wait.PODS, "x", NOON), NOON) for node in ("w1", "w2")]
    assert len({id_of(event) for event in events}) == 2


def test_one_wait_is_one_however_long_it_has_lasted():
    waits = Waits(Wait.PODS, "x", NOON)
    told = [blocked.blocked(work(), waits, NOON + count * QUARTER) for count in (1, 2)]
    assert id_of(told[0]) == id_of(told[1])
    assert id_of(blocked.blocked(work(), replace(waits, since=NOON + QUARTER), NOON)) != id_of(told[0])


def test_a_window_closes_once_for_all_that_are_next():
    waits = Waits(Wait.TURN, "the window opens on Sat 5 Dec 22:00", NOON)
    events = [blocked.window_closed(work("admit", node), waits) for node in ("w1", "w2")]
    assert len({id_of(event) for event in events}) == 1
    assert "Sat 5 Dec 22:00" in events[0].text
