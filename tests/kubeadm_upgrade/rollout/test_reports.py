"""What went wrong elsewhere, as users of other tools have reported it, tried on a cluster in memory."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from in_memory.airflow import wish_for
from in_memory.rollouts import TARGET, ZONE, Rollout, zone
from kubeadm_upgrade.rollout.strategy import CANARY, Group, Strategy

SOAK = timedelta(minutes=5)
W1 = Group(CANARY, nodes=("w1",), soak=SOAK)


def test_one_set_of_workers_singly_and_another_in_batches():
    """kubespray#11395: 20 % of all workers were all web servers."""
    groups = (zone("app", max_unavailable=3), zone("web", max_unavailable=1))
    rollout = Rollout(["web", "web", "web", "app", "app", "app"], Strategy(groups=groups), max_unavailable=3)
    assert rollout.run().where == "success"
    assert max(len(one.out) for one in rollout.taken if one.group == "web") == 0
    assert max(len(one.out) for one in rollout.taken if one.group == "app") == 2


@pytest.mark.parametrize("share", ["1%", "34%", "99%"])
def test_a_share_that_is_less_than_a_node(share):
    """cluster-api#8987: a share of three machines, rounded, left the rollout standing."""
    rollout = Rollout(["a", "a", "a"], Strategy(groups=(zone("a", max_unavailable=share),)), max_unavailable=3)
    assert rollout.run().where == "success"


def test_a_run_that_fails_again_and_again_leaves_one_node_cordoned():
    """kubespray#6545: each run of a pipeline cordoned one node more. Ours takes the one that has failed first."""
    rollout = Rollout(["a"] * 4, Strategy(), max_unavailable=2)
    rollout.break_("w2")
    for _ in range(3):
        run = rollout.run()
        assert run.where == "groups"
        rollout.airflow.end(run, "failed")
    assert len(rollout.cordoned) <= 1
    rollout.mended.add("w2")
    assert rollout.run().where == "success"


def test_failures_are_counted_over_the_run_and_not_by_batches():
    """openshift-ansible#4252: so many of each batch might fail, until no capacity was left."""
    rollout = Rollout(["a"] * 6, Strategy(max_failed=1), max_unavailable=4)
    for name in ("w1", "w4"):
        rollout.break_(name)
    assert rollout.run().where == "groups"
    assert all(len(one.failed) <= 1 for one in rollout.taken)
    assert len(rollout.cluster.ledger.failed_nodes) == 2
    assert {"w5", "w6"} & set(rollout.order) != {"w5", "w6"}


def test_workers_that_never_become_ready_again_are_not_followed_by_others():
    """cluster-api#13020: old machines went although no new one became available."""
    rollout = Rollout(["a"] * 5, Strategy(), max_unavailable=2)
    is_ready = rollout.cluster._is_ready
    rollout.cluster._is_ready = lambda node: is_ready(node) if node.control_plane else None
    assert rollout.run().where == "groups"
    assert len(rollout.order) == 2


def test_the_remedy_works_in_the_run_that_is_under_way():
    """rancher#26154: after a failure neither a corrected setting nor a larger limit moved anything."""
    rollout = Rollout(["a"] * 4, Strategy(), max_unavailable=1)
    rollout.break_("w1")
    run = rollout.run()
    assert (run.where, "w2" in rollout.order) == ("groups", False)
    rollout.change(max_failed=1)
    rollout.cluster.inventory = replace(rollout.cluster.inventory, max_unavailable=2)
    rollout.go_on(run)
    assert {"w2", "w3", "w4"} <= set(rollout.order)


def test_a_canary_that_somebody_had_cordoned_stays_so_and_the_others_come():
    """system-upgrade-controller#341: nodes were uncordoned that it had not cordoned."""
    rollout = Rollout(["a", "a"], Strategy(W1))
    rollout.cluster.cordon("w1")
    assert rollout.run().where == "success"
    assert (rollout.order, rollout.cordoned) == (["w1", "w2"], ["w1"])


def test_a_canary_that_fails_halts_however_many_may_fail():
    """The first stage of a staged update is what it is staged for."""
    rollout = Rollout(["a"] * 3, Strategy(W1, max_failed="100%"), max_unavailable=3)
    rollout.break_("w1")
    run = rollout.run()
    assert (run.where, set(rollout.order) <= {"w1"}) == ("groups", True)
    rollout.cluster.edit_ledger(lambda ledger: replace(ledger, given_up={"w1": "its disk"}))
    rollout.go_on(run)
    assert {"w2", "w3"} <= set(rollout.order)


def test_a_canary_that_leaves_the_cluster_keeps_nobody_waiting():
    """Whoever comes after it would wait for a member that is no more."""
    rollout = Rollout(["a", "a"], Strategy(W1))
    run = rollout.begin("w1")
    rollout.cluster.remove_node("w1")
    assert rollout.go_on(run).where == "success"
    assert rollout.order[-1] == "w2"


def test_a_soak_goes_on_in_the_run_after_an_aborted_one():
    """A soak of hours would begin anew whenever an upgrade is resumed."""
    rollout = Rollout(["a", "a"], Strategy(W1))
    run = rollout.begin("w1")
    while CANARY not in rollout.cluster.ledger.soaks:
        rollout.airflow.step(run)
    rollout.cluster.edit_ledger(lambda ledger: replace(ledger, aborted="enough"))
    assert rollout.go_on(run).where == "failed"
    began = rollout.cluster.ledger.soaks[CANARY].since
    again = rollout.go_on(rollout.airflow.trigger(wish_for(TARGET)))
    assert (again.where, rollout.cluster.ledger.soaks[CANARY].since) == ("success", began)
    assert rollout.taken[-1].at - began >= SOAK


def test_a_lost_note_of_a_soak_is_made_anew():
    """Somebody edits the ledger: nothing is taken for soaked that nobody has seen soak."""
    rollout = Rollout(["a", "a"], Strategy(W1))
    run = rollout.begin("w1")
    while CANARY not in rollout.cluster.ledger.soaks:
        rollout.airflow.step(run)
    rollout.cluster.edit_ledger(lambda ledger: replace(ledger, soaks={}))
    lost = rollout.cluster.clock
    assert rollout.go_on(run).where == "success"
    assert rollout.taken[-1].at - lost >= SOAK


def test_groups_that_are_edited_under_way_let_nobody_wait_for_ever():
    """A canary is named late, groups change places, and a worker changes its zone."""
    rollout = Rollout(["a", "a", "b", "b"], Strategy(groups=(zone("a"), zone("b", depends_on=("a",)))))
    run = rollout.begin("w1")
    rollout.change(canary=Group(CANARY, nodes=("w4",)), groups=(zone("b"), zone("a", depends_on=("b",))))
    rollout.cluster.nodes["w2"].labels = {ZONE: "b"}
    assert rollout.go_on(run).where == "success"
    assert rollout.order == ["w1", "w4", "w2", "w3"]
