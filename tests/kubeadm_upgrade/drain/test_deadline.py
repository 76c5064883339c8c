"""What becomes of a drain that is blocked at its deadline."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from in_memory.examples import a_hop, facts_of, with_slot
from in_memory.world import RUNNING, World, remembered
from kubeadm_upgrade.drain.policy import DrainPolicy, OnBlocked
from kubeadm_upgrade.drain.quarantine import told
from kubeadm_upgrade.engine import resign
from kubeadm_upgrade.errors import StepRefused
from kubeadm_upgrade.procedure import STEPS

DRAIN, HOP = STEPS["drain_node"], a_hop()
BLOCKED = "pod shop/web-w1 may not be evicted yet: the budget web needs 3"
QUARANTINE = DrainPolicy(on_blocked=OnBlocked.QUARANTINE)


def world(policy=QUARANTINE, node="w1", given_up=None):
    facts = with_slot(facts_of(HOP, node))
    ledger = replace(facts.ledger, given_up=given_up or {})
    cordoned = replace(facts.node, unschedulable=True, cordoned_by="prod/v1.29.15")
    return World(replace(facts, node=cordoned, ledger=ledger, policy=replace(facts.policy, drain=policy)), HOP)


def at_deadline(here):
    return asyncio.run(resign(DRAIN, HOP, here, BLOCKED))


def test_in_quarantine_the_node_is_labelled_given_up_and_told():
    """It keeps its cordon; the ledger says why, and the last word says what a person may do."""
    here = world()
    ending = at_deadline(here)
    assert ending.what.startswith("quarantined: it stays cordoned")
    assert BLOCKED in ending.what
    assert ending.do.endswith("start kubeadm_steer.prod with take_back, then clear this task")
    assert here.facts.node.quarantined
    assert here.facts.node.unschedulable
    assert here.facts.ledger.given_up == {"w1": f"quarantined: its drain was blocked at its deadline: {BLOCKED}"}


def test_what_is_told_of_it_says_that_nobody_has_given_it_up():
    """In reports and on boards."""
    why = f"quarantined: its drain was blocked at its deadline: {BLOCKED}"
    assert told("w1", why) == f"w1 is quarantined: its drain was blocked at its deadline: {BLOCKED}"
    assert told("w1", "its disk") == "w1 was given up: its disk"


def test_no_more_are_left_behind_than_the_file_allows():
    """Whom a person has given up is not counted; the next one fails, and keeps its slot."""
    full = world(given_up={"w2": "quarantined: its drain was blocked"})
    assert at_deadline(full).what.endswith("(w2 quarantined already, and max_quarantined is 1)")
    assert full.log == []
    by_hand = world(given_up={"w2": "its disk"})
    assert at_deadline(by_hand).what.startswith("quarantined")


@pytest.mark.parametrize(
    ("policy", "node", "said"),
    [
        pytest.param(DrainPolicy(), "w1", f"patience has ended, still waiting: {BLOCKED}", id="fail, by default"),
        pytest.param(QUARANTINE, "cp1", f"patience has ended, still waiting: {BLOCKED}", id="a control plane node"),
        pytest.param(DrainPolicy(on_blocked=OnBlocked.WAIT), "w1", None, id="wait"),
    ],
)
def test_else_nothing_is_done(policy, node, said):
    """It fails with its reason, or goes on."""
    here = world(policy, node)
    ending = at_deadline(here)
    assert (ending.what if ending else None) == said
    assert here.log == []


def test_a_node_that_is_drained_by_then_is_not_left_behind():
    """The look before the last word may find that the last Pod has gone."""
    here = world()
    here.facts = replace(here.facts, pods=())
    assert at_deadline(here) is None


def test_a_run_that_has_lost_the_cluster_leaves_nobody_behind():
    """The standing rules are asked before the label, as before every action."""
    here = world()
    here.facts = replace(here.facts, ledger=replace(here.facts.ledger, holder=None))
    with pytest.raises(StepRefused, match="no run holds this cluster any more"):
        at_deadline(here)
    assert here.log == []


def test_a_step_whose_command_still_runs_ends_with_its_patience():
    """Nothing else is looked at while it does, and nothing else is asked."""
    step = STEPS["upgrade_kubeadm"]
    here = world()
    here.units = remembered(step.unit(HOP), RUNNING)
    ending = asyncio.run(resign(step, HOP, here, "unit upgrade-kubeadm-v1.29.15 is running"))
    assert ending.what == "patience has ended, still waiting: unit upgrade-kubeadm-v1.29.15 is running"


def test_a_node_that_has_left_the_cluster_is_no_longer_waited_for():
    """What becomes of its slot is for the next round."""
    here = world()
    here.gone = True
    assert at_deadline(here) is None
