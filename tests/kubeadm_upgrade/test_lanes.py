"""Who is out of service, by what the API shows of a lane's nodes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from kubeadm_upgrade.lanes import lane_of
from kubeadm_upgrade.slots import Slots

from in_memory import examples

HOP = examples.a_hop()


def lane(slots: Slots = Slots(), **changes):  # noqa: B008 (frozen)
    nodes = [examples.facts_of(HOP, name).node for name in (*HOP.control_plane, *HOP.workers)]
    nodes = [replace(node, **changes.get(node.name, {})) for node in nodes]
    return lane_of("workers", HOP, nodes, None, slots)


@pytest.mark.parametrize(
    ("changes", "slots", "free"),
    [
        pytest.param({}, Slots(), True, id="all in service"),
        pytest.param({"w1": {"ready": False}}, Slots(), False, id="another is NotReady by itself"),
        pytest.param({"w1": {"unschedulable": True}}, Slots(), False, id="somebody cordons another meanwhile"),
        pytest.param(
            {"w1": {"unschedulable": True, "cordoned_by": "us"}},
            Slots(),
            False,
            id="ours, its slot edited away",
        ),
        pytest.param({}, Slots().take("worker", "w1", "run"), False, id="the slot is taken"),
        pytest.param({}, Slots().take("worker", "w9", "run"), True, id="taken by a node that no longer exists"),
    ],
)
def test_a_slot_is_free_when_enough_are_in_service(changes, slots, free):
    """For w2, when it is its turn."""
    finished = {"kubelet": HOP.to}
    changes = {**changes, "w1": {**finished, **changes.get("w1", {})}}
    assert (lane(slots, **changes).why_wait("w2") is None) is free


def test_both_control_plane_groups_share_one_lane():
    """One control plane node at a time, whichever group it is in."""
    nodes = [examples.facts_of(HOP, name).node for name in HOP.control_plane]
    plane = examples.facts_of(HOP, "cp1").control_plane
    lanes = {lane_of(group, HOP, nodes, plane, Slots()).name for group in ("control_plane", "control_plane_kubelets")}
    assert lanes == {"control-plane"}


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"ready": False}, id="not Ready"),
        pytest.param({"unschedulable": True, "cordoned_by": "prod/v1.29.15"}, id="still cordoned by us"),
    ],
)
def test_a_worker_at_the_target_is_not_finished_before_it_is_back(changes):
    """Its turn is not over, and a retry without its slot has to take it again (I1)."""
    nodes = [examples.facts_of(HOP, name).node for name in HOP.workers]
    nodes[0] = replace(nodes[0], kubelet=HOP.to, **changes)
    found = lane_of("workers", replace(HOP, max_unavailable=2), nodes, None, Slots())
    assert not found.members["w1"].finished
    assert found.why_wait("w2") == "it is the turn of w1"


def test_a_control_plane_node_is_not_finished_before_its_apply_has_ended():
    """Killed in mid apply, its Pods may be new already: whoever goes on needs the slot (I3)."""
    nodes = [examples.facts_of(HOP, name).node for name in HOP.control_plane]
    plane = examples.facts_of(HOP, "cp1").control_plane
    plane = replace(plane, static_pods=examples.static_pods(HOP, HOP.to))
    assert lane_of("control_plane", HOP, nodes, plane, Slots()).why_wait("cp2") == "it is the turn of cp1"
