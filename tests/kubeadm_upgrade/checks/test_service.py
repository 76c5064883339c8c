"""What preflight says of slots is what the gates will say: for any workers that a run does not come to."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from in_memory.examples import EARLIER, NOW, RUN, a_control_plane, a_hop, a_ledger, facts_of, node_of
from in_memory.states import releases
from kubeadm_upgrade.admission.gates import others_in_service, slot_free
from kubeadm_upgrade.admission.members import lane_of
from kubeadm_upgrade.checks.scene import Scene
from kubeadm_upgrade.checks.service import out_of_service, slots_left
from kubeadm_upgrade.ledger.ledger import WORKER, Slot
from kubeadm_upgrade.policy import RolloutPolicy

HOP = a_hop()
CORDONS = st.sampled_from(
    [
        {},
        {"unschedulable": True},
        {"unschedulable": True, "cordoned_at": NOW - timedelta(days=1)},
        {"unschedulable": True, "cordoned_at": NOW},
        {"unschedulable": True, "cordoned_by": "prod/v1.28.15"},
    ]
)
OTHERS = st.lists(st.tuples(st.booleans(), CORDONS, st.booleans(), st.booleans()), max_size=4)


@given(OTHERS, st.one_of(st.integers(1, 4), st.sampled_from(["1%", "50%", "100%"])))
def test_a_run_is_stopped_beforehand_exactly_where_it_would_wait_for_ever(others, max_unavailable):
    """Dead, cordoned by whomever and whenever, with a slot of an earlier run, given up: in any mixture."""
    nodes = [node_of(HOP, name) for name in (*HOP.control_plane, *HOP.workers)]
    ledger, policy = a_ledger(), RolloutPolicy(max_unavailable)
    for number, (ready, cordon, slot, given_up) in enumerate(others):
        name = f"x{number}"
        nodes.append(replace(node_of(HOP, name), ready=ready, **cordon))
        slots = {**ledger.slots, name: Slot(WORKER, EARLIER)} if slot else ledger.slots
        ledger = replace(ledger, slots=slots, given_up={**ledger.given_up, **({name: "why"} if given_up else {})})
    plane = a_control_plane(HOP)
    scene = Scene(HOP, policy, date(2024, 3, 1), tuple(nodes), {}, {}, plane, ledger, releases())
    lane = lane_of("workers", HOP, RUN, policy, nodes, plane, ledger)
    facts = replace(facts_of(HOP, "w1"), lane=lane, ledger=ledger, policy=policy)
    waits = any(gate(facts, HOP) for gate in (slot_free, others_in_service))
    assert bool(list(slots_left(scene))) is waits
    assert not (waits and list(out_of_service(scene)))
