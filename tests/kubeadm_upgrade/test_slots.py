"""Slots: never more than the limit, in the plan's order, whatever is retried (I1)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kubeadm_upgrade.slots import WORKER, Lane, Member, Slots, resolve_max_unavailable


@pytest.mark.parametrize(
    ("value", "workers", "expected"),
    [
        pytest.param(1, 10, 1, id="count"),
        pytest.param(3, 2, 3, id="count above the fleet"),
        pytest.param("50%", 4, 2, id="half of four"),
        pytest.param("50%", 5, 2, id="half of five is rounded down"),
        pytest.param("25%", 7, 1, id="a quarter of seven"),
        pytest.param("10%", 5, 1, id="never below one"),
        pytest.param("0%", 50, 1, id="not even then"),
        pytest.param("100%", 3, 3, id="all"),
        pytest.param("34%", 100, 34, id="no rounding errors"),
    ],
)
def test_max_unavailable_is_rounded_as_kubernetes_does(value, workers, expected):
    """Down, and never below one."""
    assert resolve_max_unavailable(value, workers) == expected


def lane(order, limit, finished, holders, unavailable=()):
    members = {name: Member(name in finished, name not in unavailable) for name in order}
    return Lane(WORKER, limit, tuple(order), members, frozenset(holders))


@given(st.data())
def test_slots_hold_whatever_order_things_happen_in(data):
    """Nodes look, take with what they saw, fail, retry and finish at random: never more than `limit` hold one."""
    order = [f"w{number}" for number in range(data.draw(st.integers(1, 8)))]
    limit = data.draw(st.integers(1, 4))
    slots, version, finished = Slots(), 0, set()
    seen: dict[str, tuple[Slots, int, frozenset[str]]] = {}
    admitted = []
    for _ in range(data.draw(st.integers(0, 80))):
        node = data.draw(st.sampled_from(order))
        match data.draw(st.sampled_from(["look", "take", "finish", "forget"])):
            case "look":
                seen[node] = (slots, version, frozenset(finished))
            case "take" if node in seen:
                saw, at, done = seen.pop(node)
                holders = saw.held_in(WORKER)
                free = lane(order, limit, done, holders).why_wait(node) is None
                if free and node not in holders and node not in done and at == version:  # else: 409
                    slots, version = saw.take(WORKER, node, "run"), version + 1
                    admitted.append(node)
            case "finish" if node in slots.held_in(WORKER):
                finished.add(node)
                slots, version = slots.give_back(WORKER, node), version + 1
            case "forget":
                seen.pop(node, None)  # the task died and starts again
        assert len(slots.held_in(WORKER)) <= limit
    assert admitted == [name for name in order if name in admitted]
    assert admitted == order[: len(admitted)]


@pytest.mark.parametrize(
    ("holders", "finished", "unavailable", "words"),
    [
        pytest.param([], [], [], None, id="free"),
        pytest.param(["w1"], [], [], "1 worker node may be out of service at a time, and w1 is", id="taken"),
        pytest.param([], ["w1"], ["w3"], "and w3 is", id="another worker is NotReady by itself"),
        pytest.param([], [], ["w2"], "it is the turn of w1", id="its own state is no obstacle, its turn is"),
        pytest.param([], ["w1"], [], None, id="its turn"),
    ],
)
def test_why_a_node_waits(holders, finished, unavailable, words):
    """The sentence names who is in the way."""
    node = "w1" if words is None and not finished else "w2"
    reason = lane(["w1", "w2", "w3"], 1, finished, holders, unavailable).why_wait(node)
    assert (reason is None) if words is None else (words in reason)


def test_who_waits_for_a_slot_that_nobody_gives_back_is_told_how():
    """An earlier run has left it, and this one is limited to other nodes."""
    reason = lane(["w1"], 1, [], ["w2"]).why_wait("w1")
    assert "w2 is (w2 holds a slot of an earlier run: name it in the parameter nodes, or take it out of " in reason
    assert "earlier run" not in lane(["w1", "w2"], 1, [], ["w2"]).why_wait("w1")


def test_the_last_of_many_looks_less_often():
    """A hundred waiting nodes must not ask the API a hundred times every two seconds."""
    order = [f"w{number}" for number in range(100)]
    waiting = lane(order, 2, [], ["w0", "w1"])
    assert (waiting.turns_until("w2"), waiting.turns_until("w99")) == (1, 49)


@given(st.dictionaries(st.sampled_from(["worker", "control-plane"]), st.dictionaries(st.text(min_size=1), st.text())))
def test_the_object_reads_what_it_wrote(holders):
    """As ConfigMap data: text by lane."""
    assert Slots.read(Slots(holders).data()) == Slots(holders)


def test_an_absent_object_has_no_holders():
    """The first admission creates it."""
    assert Slots.read(None).held_in(WORKER) == frozenset()


NAMES = [f"w{number}" for number in range(6)]


@given(st.integers(1, 4), *[st.sets(st.sampled_from(NAMES))] * 3)
def test_whoever_may_go_breaks_nothing(limit, finished, holders, unavailable):
    """Counting it, no more than `limit` are out of service, and nobody before it in the plan is left waiting."""
    found = lane(NAMES, limit, finished, holders, unavailable)
    for place, node in enumerate(NAMES):
        if found.why_wait(node) is None:
            assert len((holders | unavailable) - {node}) < limit
            assert set(NAMES[:place]) <= finished | holders


@given(st.integers(1, 4), st.sets(st.sampled_from(NAMES), max_size=5))
def test_somebody_may_always_go_when_nobody_is_out(limit, finished):
    """No lane waits for ever: the first that is not finished is admitted."""
    first = next(name for name in NAMES if name not in finished)
    assert lane(NAMES, limit, finished, []).why_wait(first) is None
