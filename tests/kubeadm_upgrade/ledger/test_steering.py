"""Orders: what a person may ask of an upgrade, what it makes of the ledger, and what is refused in one sentence."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from in_memory.examples import NOW, RUN, a_ledger
from kubeadm_upgrade.errors import BadParameters, OrderRefused
from kubeadm_upgrade.ledger import marks, wire
from kubeadm_upgrade.ledger.ledger import Ledger
from kubeadm_upgrade.ledger.steering import Order

HELD = a_ledger(RUN)
ENDED = HELD.released(NOW)
ROLES = {"cp1": True, "w1": False, "w2": False}


def order(action, node=None, reason=None, by="anna", **more):
    return Order.read({"action": action, "node": node, "reason": reason, **more}, by)


PAUSE, GIVE_UP = order("pause", reason="incident 7"), order("give_up", "w1", "its disk")
ABORT = order("abort", reason="too late")


@pytest.mark.parametrize(
    ("asked", "there", "changed", "said"),
    [
        pytest.param(
            PAUSE,
            HELD,
            {"paused": "incident 7, asked by anna"},
            "paused (incident 7, asked by anna): nodes that are out of service are finished, no other is taken",
            id="pause",
        ),
        pytest.param(
            PAUSE,
            Ledger(),
            {"paused": "incident 7, asked by anna"},
            "paused (incident 7, asked by anna): nodes that are out of service are finished, no other is taken",
            id="pause before any run",
        ),
        pytest.param(
            replace(PAUSE, by=""),
            HELD,
            {"paused": "incident 7"},
            "paused (incident 7): nodes that are out of service are finished, no other is taken",
            id="pause, by nobody knows whom",
        ),
        pytest.param(
            order("resume"), replace(HELD, paused="incident 7"), {"paused": None}, "the upgrade goes on", id="resume"
        ),
        pytest.param(
            GIVE_UP,
            replace(HELD, given_up={"w2": "x"}),
            {"given_up": {"w1": "its disk, asked by anna", "w2": "x"}},
            "w1 is given up (its disk, asked by anna): it stays as it is, and in nobody's way",
            id="give up",
        ),
        pytest.param(
            order("take_back", "w1"),
            replace(ENDED, given_up={"w1": "its disk", "w2": "x"}),
            {"given_up": {"w2": "x"}},
            "w1 is taken back: clear its failed task, if it has one",
            id="take back",
        ),
        pytest.param(
            ABORT,
            HELD,
            {"aborted": "too late, asked by anna"},
            "the run is aborted (too late, asked by anna): nodes that are out of service are finished, and it ends",
            id="abort",
        ),
    ],
)
def test_what_an_order_makes_of_the_ledger(asked, there, changed, said):
    """One mark, and nothing else."""
    assert asked.said(there) == said
    assert asked.carried_out(there) == replace(there, **changed)


@pytest.mark.parametrize(
    ("asked", "there", "said"),
    [
        pytest.param(PAUSE, replace(HELD, paused="incident 7"), "it was paused for this reason already", id="by hand"),
        pytest.param(
            PAUSE,
            replace(HELD, paused="incident 7, asked by berta"),
            "it was paused for this reason already",
            id="paused by another for the same reason",
        ),
        pytest.param(order("resume"), HELD, "it was not paused", id="nothing to resume"),
        pytest.param(GIVE_UP, replace(HELD, given_up={"w1": "x"}), "w1 was given up already", id="given up"),
        pytest.param(order("take_back", "w9"), HELD, "w9 was not given up", id="not given up"),
        pytest.param(ABORT, replace(HELD, aborted="x"), "the run was aborted already", id="aborted"),
    ],
)
def test_what_is_so_already_stays_as_it_was_said_first(asked, there, said):
    assert asked.carried_out(there) == there
    assert asked.said(there) == said


@pytest.mark.parametrize(
    ("asked", "there", "sentence"),
    [
        pytest.param(
            PAUSE,
            replace(HELD, paused="incident 6, asked by berta"),
            "the upgrade is paused already (incident 6, asked by berta): resume it first, if this is to stand there",
            id="paused for another reason",
        ),
        pytest.param(
            replace(PAUSE, reason="incident"),
            replace(HELD, paused="incident 7"),
            "the upgrade is paused already (incident 7): resume it first, if this is to stand there",
            id="a reason that only begins alike",
        ),
        pytest.param(
            ABORT, Ledger(), "no run has this cluster: there is nothing to abort", id="abort before any run was there"
        ),
        pytest.param(ABORT, ENDED, f"{RUN} has ended: there is nothing to abort", id="abort what has ended"),
        pytest.param(
            GIVE_UP,
            ENDED,
            f'{RUN} has ended: nobody waits for a node: start the next one with give_up: ["w1"]',
            id="give up between two runs: the next would forget it",
        ),
    ],
)
def test_an_order_that_would_not_do_what_it_says_is_refused(asked, there, sentence):
    with pytest.raises(OrderRefused) as refused:
        asked.carried_out(there)
    assert str(refused.value) == sentence


GIVEN_UP = replace(HELD, given_up={"w1": "its disk"})


@pytest.mark.parametrize(
    "asked",
    [
        pytest.param(order("abort", reason="too late", run="monday"), id="abort"),
        pytest.param(order("give_up", "w2", "its disk", run="monday"), id="give up"),
        pytest.param(order("take_back", "w1", run="monday"), id="take back"),
    ],
)
def test_an_order_for_a_run_that_has_lost_the_cluster_is_refused(asked):
    """Its board may have been open since yesterday: what it orders is not for whoever came after."""
    with pytest.raises(OrderRefused, match=rf"^{re.escape(str(RUN))} has this cluster by now, and not run monday: "):
        asked.carried_out(GIVEN_UP)
    assert replace(asked, run=RUN.dag_run).carried_out(GIVEN_UP) != GIVEN_UP
    assert replace(asked, run="").carried_out(GIVEN_UP) != GIVEN_UP


@pytest.mark.parametrize("asked", [order("pause", reason="x", run="monday"), order("resume", run="monday")])
def test_a_pause_is_the_clusters_whoever_has_it(asked):
    there = HELD if asked.reason else replace(HELD, paused="x")
    assert asked.carried_out(there) != there


@pytest.mark.parametrize(
    ("params", "sentence"),
    [
        pytest.param(
            {"action": "give_up", "reason": "x"},
            "give_up is for one worker, and no node is named: name it in node",
            id="give up nobody",
        ),
        pytest.param(
            {"action": "take_back", "node": "  "},
            "take_back is for one worker, and no node is named: name it in node",
            id="take back a blank",
        ),
        pytest.param(
            {"action": "pause", "node": "w1", "reason": "x"},
            "pause is for the whole cluster, and node names w1: leave node empty, or choose give_up or take_back",
            id="pause one node",
        ),
        pytest.param(
            {"action": "abort"}, "abort needs a reason: whoever waits reads it: write it into reason", id="no reason"
        ),
        pytest.param(
            {"action": "pause", "reason": " \n"},
            "pause needs a reason: whoever waits reads it: write it into reason",
            id="a blank reason",
        ),
        pytest.param({"action": "pause", "reason": "x" * 201}, "reason has 201 letters: say it in 200", id="a novel"),
    ],
)
def test_parameters_that_do_not_fit_together(params, sentence):
    """One sentence, with what to do."""
    with pytest.raises(BadParameters) as refused:
        order(**params)
    assert str(refused.value) == sentence


@pytest.mark.parametrize(
    ("node", "sentence"),
    [
        pytest.param("w9", "there is no node w9: name one of the workers (w1, w2)", id="unknown"),
        pytest.param(
            "cp1",
            "cp1 is a control plane node, and those cannot be given up: the others would go on beside it: mend it, or "
            "take it out of the cluster (docs/ledger.md)",
            id="of the control plane",
        ),
    ],
)
def test_only_a_worker_is_given_up(node, sentence):
    with pytest.raises(BadParameters) as refused:
        replace(GIVE_UP, node=node).refuse_for(ROLES)
    assert str(refused.value) == sentence
    GIVE_UP.refuse_for(ROLES)


texts = st.text(max_size=200)
orders = st.builds(
    Order.read,
    st.fixed_dictionaries({"action": st.just("pause"), "node": st.none(), "reason": texts.filter(str.strip)}),
    texts,
)


@given(orders)
def test_whatever_a_reason_holds_it_is_one_line_and_is_taken_back(asked):
    """As the ledger is written and read, and by whoever asks twice."""
    paused = asked.carried_out(HELD)
    assert len((paused.paused or "").splitlines()) == 1
    assert wire.read(wire.write(paused, {})) == paused
    assert asked.carried_out(paused) == paused
    assert marks.why_paused(f"a slot: {marks.paused(paused, 'prod')}") == paused.paused
    assert marks.paused(order("resume").carried_out(paused), "prod") is None
