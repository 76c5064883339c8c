"""Who is out of service, by what the API shows of a lane's nodes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from in_memory import examples
from kubeadm_airflow.hooks.node_port import lane_of
from kubeadm_upgrade.slots import Slots

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
