"""What waiting tasks tell Airflow: the newest word of each, few of them, and nobody ever waits for it to arrive."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from kubeadm_airflow import waiting
from kubeadm_airflow.waiting import Queue, Telling, Waiter, say, telling
from kubeadm_upgrade.admission.lane import Lane, Member
from kubeadm_upgrade.procedure import STEPS
from kubeadm_upgrade.steps import Pending
from kubeadm_upgrade.waits import Wait, Waits

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)
WAITS = Waits(Wait.PODS, "shop/db-0", NOON)


def waiter(number=0):
    return Waiter("kubeadm_upgrade.prod", "night", "workers.drain_node", number)


@pytest.fixture
def at_once(monkeypatch):
    """Every change is said, however soon after the last."""
    monkeypatch.setattr(waiting, "SAY_AGAIN_SECONDS", 0.0)
    monkeypatch.setattr(waiting, "TRY_AGAIN_SECONDS", 0.0)


def a_queue(told, *, fails=(), seconds=0.0):
    """`fails`: whose first words are lost, once for each time that they are named."""
    left = list(fails)

    async def push(who, words):
        await asyncio.sleep(seconds)
        told.append((who.map_index, words["reason"]))
        if who.map_index in left:
            left.remove(who.map_index)
            raise ConnectionError("no Airflow")

    return Queue(push)


async def emptied(queue):
    await queue._at_work


def test_of_each_task_only_the_newest_word_is_told():
    """Three tasks say forty things while the first word is on its way."""
    told = []

    async def talk():
        queue = a_queue(told, seconds=0.01)
        for number in range(40):
            queue.put(waiter(number % 3), {"reason": f"word {number}"})
        await emptied(queue)

    asyncio.run(talk())
    assert told == [(0, "word 39"), (1, "word 37"), (2, "word 38")]


def test_who_waits_no_longer_has_nothing_to_say():
    told = []

    async def talk():
        queue = a_queue(told)
        for number in range(3):
            queue.put(waiter(number), {"reason": "x"})
        queue.forget(waiter(1))
        queue.forget(waiter(99))
        await emptied(queue)

    asyncio.run(talk())
    assert [number for number, _ in told] == [0, 2]


def test_a_word_that_is_lost_is_said_again_after_the_others(at_once):
    """As long as its task waits: it may have nothing new to say for hours."""
    told = []

    async def talk():
        queue = a_queue(told, fails=[0, 0])
        queue.put(waiter(0), {"reason": "x"})
        queue.put(waiter(1), {"reason": "y"})
        await emptied(queue)

    asyncio.run(talk())
    assert told == [(0, "x"), (1, "y"), (0, "x"), (0, "x")]


def test_a_newer_word_takes_the_place_of_one_that_was_lost(at_once):
    told = []

    async def talk():
        queue = a_queue(told, fails=[0], seconds=0.01)
        queue.put(waiter(0), {"reason": "x"})
        await asyncio.sleep(0.001)
        queue.put(waiter(0), {"reason": "z"})
        await emptied(queue)

    asyncio.run(talk())
    assert told == [(0, "x"), (0, "z")]


def test_of_a_task_that_waits_no_longer_a_lost_word_is_not_said_again(at_once):
    told = []

    async def talk():
        queue = a_queue(told, fails=[0], seconds=0.01)
        queue.put(waiter(0), {"reason": "x"})
        await asyncio.sleep(0.001)
        queue.forget(waiter(0))
        await emptied(queue)

    asyncio.run(talk())
    assert told == [(0, "x")]


def test_all_words_together_take_a_tenth_of_the_time_of_whoever_writes_them():
    told = []

    async def talk():
        queue = a_queue(told, seconds=0.01)
        began = time.monotonic()
        for number in range(5):
            queue.put(waiter(number), {"reason": "x"})
        await emptied(queue)
        return time.monotonic() - began

    assert asyncio.run(talk()) > 5 * 0.1


def told_by(waits=WAITS, told=True):
    words = []
    return Telling(waits, words.append, waits.to_json() if told else None), words


def test_what_the_worker_has_told_is_not_told_again(at_once):
    tell, words = told_by()
    tell.look(Wait.PODS, "shop/db-0")
    assert words == []
    tell.look(Wait.PODS, "shop/db-1")
    (told,) = words
    assert told.pop("reason_since") > NOON.isoformat()
    assert told == {"reason": "shop/db-1", "since": NOON.isoformat(), "kind": "pods"}


def test_what_an_earlier_release_has_not_told_is_told_at_the_first_look(at_once):
    tell, words = told_by(told=False)
    tell.look(Wait.PODS, "shop/db-0")
    assert [one["reason"] for one in words] == ["shop/db-0"]


def test_a_change_is_told_once_and_at_most_every_three_seconds(monkeypatch):
    tell, words = told_by()
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(waiting.time, "monotonic", lambda: clock.now)
    for seconds, reason in [(0, "a"), (1, "b"), (2, "c"), (3.5, "c"), (4, "c"), (6.5, "d"), (7, "d")]:
        clock.now = 100.0 + seconds
        tell.look(Wait.COMMAND, reason)
    assert [one["reason"] for one in words] == ["a", "c", "d"]


def test_five_hundred_that_wait_for_their_turn_say_so_once(facts_of_many, at_once):
    """And with every node that is done, one more has something to say: the one whose turn it is."""
    hop, facts = facts_of_many(60)
    admit, words = STEPS["admit"], []
    told = Waits(Wait.TURN, "its turn", NOON)
    tells = {name: Telling(told, words.append, told.to_json()) for name in hop.workers}
    for done in range(50):
        for name in hop.workers[done:]:
            members = {one: Member(index < done) for index, one in enumerate(hop.workers)}
            lane = Lane("worker", 1, hop.workers, members, frozenset({hop.workers[done]}))
            here = replace(facts, node=replace(facts.node, name=name), lane=lane)
            pending = Pending(admit.pending(here, hop), turns=admit.turns(here, hop), kind=admit.awaits(here, hop))
            tells[name].look(*pending.waits_for)
    assert len(words) <= 50 * 2
    assert all(one["reason"] != "its turn" for one in words)


def test_a_worker_goes_on_whatever_becomes_of_its_word():
    async def axcom_push(**_):
        raise RuntimeError("no Airflow")

    asyncio.run(say(SimpleNamespace(axcom_push=axcom_push), WAITS))


@pytest.fixture
def xcom(monkeypatch):
    """What Airflow keeps of one task, and what was pushed."""
    there = SimpleNamespace(value=None, pushed=[], who=None)

    async def push(who, words):
        there.value, there.who = words, who
        there.pushed.append(words["reason"])

    async def pull(who):
        if isinstance(there.value, Exception):
            raise there.value
        return there.value

    monkeypatch.setattr(waiting, "_push", push)
    monkeypatch.setattr(waiting, "_pull", pull)
    return there


def a_life(*looks, began_with=WAITS):
    """A trigger from when a triggerer starts it to when that triggerer goes away."""
    ti = SimpleNamespace(dag_id="d", run_id="r", task_id="t", map_index=None)

    async def wait():
        async with telling(ti, began_with.to_json()) as tell:
            for look in looks:
                tell.look(*look)
                await asyncio.sleep(0.01)
        return tell.waits

    return asyncio.run(wait())


def test_a_trigger_tells_it_as_an_xcom_of_the_task_that_waits(xcom, at_once):
    a_life((Wait.NODE, "w1 is not Ready"))
    assert (xcom.who, xcom.pushed) == (Waiter("d", "r", "t", -1), ["w1 is not Ready"])


def test_what_is_waited_for_after_a_restart_is_what_is_shown(xcom, at_once):
    """Also where it is again what the worker had said: the XCom is an earlier trigger's."""
    xcom.value = WAITS.to_json()
    a_life((Wait.PODS, "shop/db-0"), (Wait.NODE, "w1 is not Ready"))
    a_life((Wait.PODS, "shop/db-0"))
    assert xcom.pushed == ["w1 is not Ready", "shop/db-0"]
    assert (xcom.value["kind"], xcom.value["reason"]) == ("pods", "shop/db-0")


def test_a_restart_begins_no_wait_anew(xcom, at_once):
    """Neither since when, which decides whether somebody is needed, nor how long for what."""
    since = datetime.now(UTC) - timedelta(hours=2)
    worker = Waits(Wait.TURN, "its turn", since - timedelta(hours=1))
    xcom.value = worker.then(Wait.SLOT, "w9 is not Ready", since).to_json()
    waits = a_life((Wait.SLOT, "w9 is not Ready"), began_with=worker)
    assert (waits.since, xcom.pushed) == (since, [])
    assert [(kind, round(seconds)) for kind, seconds in waits.until(since + timedelta(hours=2))] == [
        ("turn", 3600),
        ("slot", 7200),
    ]


@pytest.mark.parametrize("there", [None, ConnectionError("no Airflow"), {"kind": "?"}, "text"], ids=repr)
def test_what_nobody_knows_to_be_told_is_told_at_the_first_look(xcom, at_once, there):
    """The worker's word may have been lost."""
    xcom.value = there
    waits = a_life((Wait.PODS, "shop/db-0"))
    assert (waits.since, xcom.pushed) == (NOON, ["shop/db-0"])


def test_a_trigger_of_nobody_tells_nobody(at_once):
    async def wait():
        async with telling(None, None) as tell:
            tell.look(Wait.NODE, "w1 is not Ready")
        return tell.waits

    assert asyncio.run(wait()).kind is Wait.NODE


@pytest.fixture
def facts_of_many():
    """Facts of a worker of a cluster with so many of them."""
    from in_memory.examples import a_hop, facts_of

    def some(number):
        hop = replace(a_hop(), workers=tuple(f"w{n}" for n in range(1, number + 1)))
        return hop, facts_of(a_hop(), "w1")

    return some
