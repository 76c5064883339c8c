"""How long a task has waited for what adds up, however often it looks."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeadm_upgrade.errors import Conflict, Misdirected, Unauthorized, Unreachable
from kubeadm_upgrade.procedure import STEPS
from kubeadm_upgrade.waits import IDLE, WORDS, Wait, Waits, idle_seconds, kind_of

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def test_what_is_waited_for_is_counted_by_its_kind():
    waits = Waits(Wait.TURN, "its turn", NOON)
    waits = waits.then(Wait.TURN, "its turn", after(30)).then(Wait.SLOT, "w1 is out", after(60))
    waits = waits.then(Wait.PAUSE, "incident", after(70)).then(Wait.SLOT, "w2 is out", after(90))
    assert waits.until(after(95)) == [["turn", 60.0], ["slot", 15.0], ["pause", 20.0]]
    assert idle_seconds(waits.until(after(95))) == 95


def test_other_words_for_the_same_thing_are_no_new_wait():
    """A drain that names one Pod less has waited since it began to wait for Pods."""
    waits = Waits(Wait.PODS, "a, b", NOON).then(Wait.PODS, "b", after(10))
    assert (waits.reason, waits.since) == ("b", NOON)
    assert waits.then(Wait.EFFECT, "to show", after(20)).since == after(20)


def test_what_is_written_down_says_what_since_when_and_of_which_kind():
    waits = Waits(Wait.PODS, "shop/db-0", NOON)
    assert waits.to_json() == {"reason": "shop/db-0", "since": "2026-11-26T12:00:00+00:00", "kind": "pods"}
    assert Waits.from_json(waits.to_json()) == waits


@given(looks=st.lists(st.tuples(st.sampled_from(Wait), st.integers(0, 1000)), max_size=30))
def test_what_is_written_down_is_gone_on_with(looks):
    """By whoever waits next for the same task: it has waited as long as if nobody had ever taken turns."""
    waits, now = Waits(Wait.EFFECT, "", NOON), 0
    for kind, seconds in looks:
        now += seconds
        waits = waits.then(kind, "", after(now))
        assert Waits.from_json(json.loads(json.dumps(waits.to_json()))) == waits


@pytest.mark.parametrize(
    "odd",
    [
        pytest.param({"kind": "of a later release"}, id="a kind that is unheard of"),
        pytest.param({"since": "yesterday"}, id="no time"),
        pytest.param({"since": "2026-11-26T12:00:00"}, id="a time of nobody knows where"),
        pytest.param({"since": None}, id="nothing"),
        pytest.param({"kind": ["pods"]}, id="another shape"),
        pytest.param({"reason": 7}, id="no sentence"),
        pytest.param({"spent": [["of a later release", 3.0]]}, id="time for nobody knows what"),
    ],
)
def test_what_another_release_has_written_down_is_read_as_nothing(odd):
    """After a rollback, as an XCom and as what a trigger begins with."""
    assert Waits.from_json(Waits(Wait.PODS, "shop/db-0", NOON).to_json() | odd) is None


@pytest.mark.parametrize("plain", [None, {}, [], "text", {"kind": "pods"}], ids=str)
def test_what_is_not_whole_is_read_as_nothing(plain):
    assert Waits.from_json(plain) is None


@given(looks=st.lists(st.tuples(st.sampled_from(Wait), st.floats(0, 1000)), max_size=30), end=st.floats(0, 1000))
def test_the_parts_are_the_whole(looks, end):
    waits, now = Waits(Wait.EFFECT, "", NOON), 0.0
    for kind, seconds in looks:
        now += seconds
        waits = waits.then(kind, "", after(now))
    told = waits.until(after(now + end))
    assert sum(seconds for _, seconds in told) == pytest.approx(now + end, abs=0.1 * len(Wait))
    assert len(told) == len({kind for kind, _ in told})


def test_a_clock_that_goes_back_takes_no_wait_away():
    assert Waits(Wait.PODS, "", NOON).until(after(-5)) == [["pods", 0.0]]


def test_every_kind_has_words():
    assert set(WORDS) == set(Wait)
    assert set(Wait) > IDLE


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        pytest.param(Unreachable("x"), Wait.ANSWER, id="silence"),
        pytest.param(Conflict("x"), Wait.ANSWER, id="somebody was quicker"),
        pytest.param(Misdirected("x"), Wait.ANSWER, id="a load balancer's own page"),
        pytest.param(Unauthorized("x"), Wait.CREDENTIALS, id="an expired token"),
    ],
)
def test_an_error_that_is_waited_for_is_a_kind(error, kind):
    assert kind_of(error) is kind


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        ("drain_node", Wait.PODS),
        ("node_ready", Wait.NODE),
        ("restart_kubelet", Wait.NODE),
        ("static_pods_ready", Wait.HEALTH),
        ("control_plane_ready", Wait.HEALTH),
        ("kubeadm_upgrade", Wait.HEALTH),
        ("upgrade_kubelet_and_kubectl", Wait.HEALTH),
        ("uncordon_node", Wait.EFFECT),
    ],
)
def test_what_a_step_waits_for_when_nothing_is_left_to_do(step, kind, facts_of, hop):
    assert STEPS[step].awaits(facts_of("w1"), hop) is kind
