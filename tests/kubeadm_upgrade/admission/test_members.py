"""Who is out of service, by what the API shows of a lane's nodes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from in_memory import examples
from in_memory.examples import EARLIER, NOW, RUN, a_control_plane, a_ledger, node_of
from kubeadm_upgrade.admission.gates import GATES_OF_THE_LANE, why_wait
from kubeadm_upgrade.admission.members import lane_of
from kubeadm_upgrade.policy import RolloutPolicy
from kubeadm_upgrade.unseen import UNSEEN

HOP = examples.a_hop()
ALL = (*HOP.control_plane, *HOP.workers)


def lane(group="workers", ledger=None, nodes=ALL, plane=UNSEEN, at_once=1, **changes):
    """`changes` by node: fields of its NodeFacts. The workers' lane is made without a look at the control plane."""
    found = [replace(node_of(HOP, name), **changes.get(name, {})) for name in nodes]
    return lane_of(group, HOP, RUN, RolloutPolicy(at_once), found, plane, ledger or a_ledger())


def waits_for(found, node):
    facts = examples.facts_of(HOP, node)
    return why_wait(replace(facts, lane=found), HOP, GATES_OF_THE_LANE)


DONE = {"w1": {"kubelet": HOP.to}}
SINCE = a_ledger().holder.since


@pytest.mark.parametrize(
    ("change", "ledger", "free"),
    [
        pytest.param({}, None, True, id="all in service"),
        pytest.param({"ready": False}, None, False, id="another is NotReady by itself"),
        pytest.param(
            {"unschedulable": True, "cordoned_at": SINCE + timedelta(minutes=1)},
            None,
            False,
            id="somebody cordons another meanwhile",
        ),
        pytest.param(
            {"unschedulable": True, "cordoned_at": SINCE - timedelta(minutes=1)},
            None,
            True,
            id="somebody had cordoned it before",
        ),
        pytest.param({"unschedulable": True}, None, True, id="nobody knows when: before"),
        pytest.param({"unschedulable": True, "cordoned_by": "us"}, None, False, id="ours, its slot edited away"),
        pytest.param({}, a_ledger().taken("w1", "worker", RUN, NOW), False, id="the slot is taken"),
        pytest.param({}, a_ledger().taken("w1", "worker", EARLIER, NOW), False, id="by an earlier run"),
        pytest.param({}, a_ledger().taken("w9", "worker", RUN, NOW), True, id="taken by a node that no longer exists"),
    ],
)
def test_a_slot_is_free_when_enough_are_in_service(change, ledger, free):
    """For w2, when it is its turn."""
    found = lane(ledger=ledger, w1={**DONE["w1"], **change})
    assert (waits_for(found, "w2") is None) is free


@pytest.mark.parametrize(
    "w1",
    [
        pytest.param({}, id="not begun"),
        pytest.param({"ready": False}, id="dead"),
        pytest.param({"unschedulable": True, "cordoned_by": "prod/v1.29.15"}, id="left cordoned"),
    ],
)
def test_a_node_that_was_given_up_is_in_nobodys_way(w1):
    """It is not counted and not waited for, whatever became of it, also where it still has its slot."""
    ledger = replace(a_ledger().taken("w1", "worker", RUN, NOW), given_up={"w1": "its disk"})
    assert waits_for(lane(ledger=ledger, w1=w1), "w2") is None


def test_a_control_plane_node_that_was_given_up_is_waited_for():
    """kubeadm may be at work on it, and two at once are never out of service."""
    ledger = replace(a_ledger().taken("cp1", "control-plane", RUN, NOW), given_up={"cp1": "its disk"})
    found = lane("control_plane", ledger=ledger, plane=a_control_plane(HOP))
    assert waits_for(found, "cp2") == "1 control-plane node may be out of service at a time, and cp1 is"


def test_a_node_that_has_left_the_cluster_is_in_nobodys_way():
    """Neither its turn nor its slot."""
    found = lane(ledger=a_ledger().taken("w1", "worker", RUN, NOW), nodes=("cp1", "cp2", "w2"))
    assert (waits_for(found, "w2"), found.holders) == (None, frozenset())


def test_a_worker_that_has_joined_counts_and_has_no_turn():
    """If it is NotReady one may go less; nobody waits for its turn, since it has none in this run."""
    there = (*ALL, "w9")
    assert waits_for(lane(nodes=there, w1=DONE["w1"]), "w2") is None
    assert "w9 is not Ready" in waits_for(lane(nodes=there, w1=DONE["w1"], w9={"ready": False}), "w2")


def test_a_role_label_that_was_removed_moves_a_node_between_lanes():
    """It is no member of the lane that it was planned for; its own Admit says so."""
    found = lane("control_plane", plane=a_control_plane(HOP), cp2={"control_plane": False})
    assert set(found.members) == {"cp1"}
    assert found.is_finished("cp2") is False


@pytest.mark.parametrize(("at_once", "limit"), [(1, 1), ("50%", 1), ("100%", 2), (7, 7)])
def test_the_policy_of_now_says_how_many(at_once, limit):
    """Of all workers there are, as the inventory has it at this look."""
    assert lane(at_once=at_once).limit == limit
    assert lane("control_plane_kubelets", at_once=at_once).limit == 1


def test_both_control_plane_groups_share_one_lane():
    """One control plane node at a time, whichever group it is in."""
    lanes = {lane(group, plane=a_control_plane(HOP)).name for group in ("control_plane", "control_plane_kubelets")}
    assert lanes == {"control-plane"}


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"ready": False}, id="not Ready"),
        pytest.param({"unschedulable": True, "cordoned_by": "prod/v1.29.15"}, id="still cordoned by us"),
    ],
)
def test_a_worker_at_the_target_is_not_finished_before_it_is_back(change):
    """Its turn is not over, and a retry without its slot has to take it again (I1)."""
    found = lane(at_once=2, w1={"kubelet": HOP.to, **change})
    assert not found.members["w1"].finished
    assert waits_for(found, "w2") == "it is the turn of w1"


def test_a_control_plane_node_is_not_finished_before_its_apply_has_ended():
    """Killed in mid apply, its Pods may be new already: whoever goes on needs the slot (I3)."""
    plane = replace(a_control_plane(HOP), static_pods=examples.static_pods(HOP, HOP.to))
    assert waits_for(lane("control_plane", plane=plane), "cp2") == "it is the turn of cp1"
