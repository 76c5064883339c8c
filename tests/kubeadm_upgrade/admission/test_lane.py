"""Slots: never more than the limit, in the plan's order, whatever is retried (I1)."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from in_memory import examples
from in_memory.examples import EARLIER, NOW, RUN
from kubeadm_upgrade.admission.gates import GATES_OF_THE_LANE, why_wait
from kubeadm_upgrade.admission.lane import Lane, Member
from kubeadm_upgrade.ledger.ledger import WORKER, Ledger
from kubeadm_upgrade.unseen import UNSEEN

HOP = examples.a_hop()
WAITING = replace(examples.facts_of(HOP, "w1"), control_plane=UNSEEN, etcd=UNSEEN)  # as who waits for others looks


def lane(order, limit, finished, holders, unavailable=(), strangers=()):
    members = {name: Member(name in finished, ready=name not in unavailable) for name in order}
    return Lane(WORKER, limit, tuple(order), members, frozenset(holders), frozenset(strangers))


def waits_for(found, node):
    """What the gates of the lane say, without a look at the control plane."""
    facts = replace(WAITING, node=replace(WAITING.node, name=node), lane=found)
    return why_wait(facts, HOP, GATES_OF_THE_LANE)


@given(st.data())
def test_slots_hold_whatever_order_things_happen_in(data):
    """Nodes look, take with what they saw, fail, retry and finish at random: never more than `limit` hold one."""
    order = [f"w{number}" for number in range(data.draw(st.integers(1, 8)))]
    limit = data.draw(st.integers(1, 4))
    ledger, version, finished = Ledger(), 0, set()
    seen: dict[str, tuple[Ledger, int, frozenset[str]]] = {}
    admitted = []
    for _ in range(data.draw(st.integers(0, 80))):
        node = data.draw(st.sampled_from(order))
        match data.draw(st.sampled_from(["look", "take", "finish", "forget"])):
            case "look":
                seen[node] = (ledger, version, frozenset(finished))
            case "take" if node in seen:
                saw, at, done = seen.pop(node)
                holders = saw.held_in(WORKER)
                free = waits_for(lane(order, limit, done, holders), node) is None
                if free and node not in holders and node not in done and at == version:  # else: 409
                    ledger, version = saw.taken(node, WORKER, RUN, NOW), version + 1
                    admitted.append(node)
            case "finish" if node in ledger.held_in(WORKER):
                finished.add(node)
                ledger, version = ledger.given_back(node), version + 1
            case "forget":
                seen.pop(node, None)  # the task died and starts again
        assert len(ledger.held_in(WORKER)) <= limit
    assert admitted == [name for name in order if name in admitted]
    assert admitted == order[: len(admitted)]


@pytest.mark.parametrize(
    ("holders", "finished", "unavailable", "words"),
    [
        pytest.param([], [], [], None, id="free"),
        pytest.param(["w1"], [], [], "1 worker node may be out of service at a time, and w1 is", id="taken"),
        pytest.param(
            [],
            ["w1"],
            ["w3"],
            "and w3 is not Ready: mend it, or give it up (kubeadm_steer.prod)",
            id="another worker is NotReady by itself",
        ),
        pytest.param([], [], ["w2"], "it is the turn of w1", id="its own state is no obstacle, its turn is"),
        pytest.param([], ["w1"], [], None, id="its turn"),
    ],
)
def test_why_a_node_waits(holders, finished, unavailable, words):
    """The sentence names who is in the way."""
    node = "w1" if words is None and not finished else "w2"
    reason = waits_for(lane(["w1", "w2", "w3"], 1, finished, holders, unavailable), node)
    assert (reason is None) if words is None else (words in reason)


def test_who_waits_for_a_slot_that_nobody_gives_back_is_told_how():
    """An earlier run has left it, and this one is limited to other nodes."""
    reason = waits_for(lane(["w1"], 1, [], ["w2"], strangers=["w2"]), "w1")
    assert (
        "w2 is (w2 holds a slot of an earlier run: name it in the parameter nodes, or take out-of-service.w2 out of "
        "ConfigMap kube-system/kubeadm-fleet-ledger)" in reason
    )
    reason = waits_for(lane(["w1"], 2, [], ["w2", "w3"], strangers=["w2", "w3"]), "w1")
    assert (
        "w2, w3 are (w2, w3 hold slots of an earlier run: name them in the parameter nodes, or take out-of-service.w2, "
        "out-of-service.w3 out of ConfigMap kube-system/kubeadm-fleet-ledger)" in reason
    )
    assert "earlier run" not in waits_for(lane(["w1", "w2"], 1, [], ["w2"], ["w2"], ["w2"]), "w1")


def test_a_slot_of_an_earlier_run_is_no_beginning():
    """Whoever holds one still has its turn before the others."""
    assert waits_for(lane(["w1", "w2"], 2, [], ["w1"], strangers=["w1"]), "w2") == "it is the turn of w1"
    assert waits_for(lane(["w1", "w2"], 2, [], ["w1"]), "w2") is None


@pytest.mark.parametrize("gone", ["w1", "w2"])
def test_nobody_waits_for_who_is_no_member_any_more(gone):
    """Deleted from the cluster, or given up, in mid-run; whatever its slot was."""
    found = lane(["w1", "w2", "w3"], 1, {"w1", "w2"} - {gone}, [])
    there = {name: member for name, member in found.members.items() if name != gone}
    assert waits_for(replace(found, members=there), "w3") is None


def test_a_node_that_is_none_of_the_order_has_nobody_before_it():
    """A label that is removed, or a node that has joined, is no KeyError."""
    found = lane(["w1"], 1, [], [])
    assert (found.before("w9"), found.is_finished("w9"), found.turns_until("w9")) == ((), False, 1)


def test_the_last_of_many_looks_less_often():
    """A hundred waiting nodes must not ask the API a hundred times every two seconds."""
    order = [f"w{number}" for number in range(100)]
    waiting = lane(order, 2, [], ["w0", "w1"])
    assert (waiting.turns_until("w2"), waiting.turns_until("w99")) == (1, 49)


NAMES = [f"w{number}" for number in range(6)]


@given(st.integers(1, 4), *[st.sets(st.sampled_from(NAMES))] * 3)
def test_whoever_may_go_breaks_nothing(limit, finished, holders, unavailable):
    """Counting it, no more than `limit` are out of service, and nobody before it in the plan is left waiting."""
    found = lane(NAMES, limit, finished, holders, unavailable)
    for place, node in enumerate(NAMES):
        if waits_for(found, node) is None:
            out = (holders | unavailable) - {node}
            assert not out or len(out) < limit
            assert set(NAMES[:place]) <= finished | holders


@given(st.integers(1, 4), st.sets(st.sampled_from(NAMES), max_size=5))
def test_somebody_may_always_go_when_nobody_is_out(limit, finished):
    """No lane waits for ever: the first that is not finished is admitted."""
    first = next(name for name in NAMES if name not in finished)
    assert waits_for(lane(NAMES, limit, finished, []), first) is None


def test_a_slot_that_is_taken_over_keeps_what_is_known_of_its_node():
    """What was begun there, and what a person was told of; the run is the new one's."""
    left = Ledger().taken("w1", WORKER, EARLIER, NOW).begun("w1", "kubeadm-upgrade-v1.29.15")
    left = left.failed("w1", "kubeadm-upgrade-v1.29.15", "no space", NOW)
    later = replace(RUN, began=NOW.replace(year=2027).isoformat())
    taken = left.taken("w1", WORKER, later, NOW.replace(year=2028)).slots["w1"]
    assert taken == replace(left.slots["w1"], run=later)
