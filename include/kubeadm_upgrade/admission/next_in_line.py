"""The task before a worker's slot: what needs none is done while the node before is out of service, and not earlier."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kubeadm_upgrade.actions import Action
from kubeadm_upgrade.admission.at_the_gates import AtTheGates
from kubeadm_upgrade.admission.gates import GATES_OF_THE_LANE, Gate, its_turn, others_in_service, slot_free, why_wait
from kubeadm_upgrade.facts import Facts
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.rollout.gates import group_has_room
from kubeadm_upgrade.steps import Need
from kubeadm_upgrade.waits import Wait


def soon_its_turn(facts: Facts, hop: Hop) -> str | None:
    """No more nodes come before it than may be out of service at a time."""
    before = facts.lane.before(facts.node.name)
    return f"it is the turn of {before[0]}" if len(before) >= facts.lane.limit else None


# Those that say whether there is room for it now are the slot's own.
_NOT_YET = (its_turn, group_has_room, slot_free, others_in_service)


class NextInLine(AtTheGates):
    """Wait until the node is among those that come next: no kubeadm and no configuration is upgraded long before."""

    needs = frozenset({Need.LANE})
    gates: Mapping[Gate, Wait] = {
        soon_its_turn: Wait.TURN,
        **{gate: kind for gate, kind in GATES_OF_THE_LANE.items() if gate not in _NOT_YET},
    }

    def done(self, facts: Facts, hop: Hop) -> bool:
        begun = facts.slot is not None or facts.lane.is_finished(facts.node.name)
        return begun or (self.refuse(facts, hop) is None and why_wait(facts, hop, self.gates) is None)

    def actions(self, facts: Facts, hop: Hop) -> Iterator[Action]:
        yield from self.soaks(facts, hop)

    def pending(self, facts: Facts, hop: Hop) -> str:
        return f"its turn: {why_wait(facts, hop, self.gates)}"

    def promise(self, facts: Facts, hop: Hop) -> Facts:
        return facts
