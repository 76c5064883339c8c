"""What becomes of a drain that is still blocked when its patience ends, by what the cluster's file says then."""

from __future__ import annotations

from collections.abc import Iterator

from kubeadm_upgrade.actions import Action, Quarantine
from kubeadm_upgrade.drain import quarantine
from kubeadm_upgrade.drain.marks import label_quarantined
from kubeadm_upgrade.drain.node import deleted
from kubeadm_upgrade.drain.policy import OnBlocked
from kubeadm_upgrade.facts import Facts
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.ledger.steering import Action as Order
from kubeadm_upgrade.ledger.steering import deleting_dag, steering_dag
from kubeadm_upgrade.steps import Ending, Step


class EndsAtDeadline(Step):
    """A step that a worker may be left in, where `drain.on_blocked` says so."""

    patience = "drain"

    def details(self, facts: Facts, hop: Hop) -> tuple[str, ...]:
        return deleted(facts)

    def goes_on(self, facts: Facts, hop: Hop) -> bool:
        return facts.policy.drain.on_blocked is OnBlocked.WAIT

    def resigns(self, facts: Facts, hop: Hop, waited_for: str) -> Iterator[Action]:
        """The label first: once the ledger has given the node up, nothing may be done to it any more."""
        if not self._is_quarantined(facts, hop):
            return
        if not facts.node.quarantined:
            yield label_quarantined(facts.node)
        yield Quarantine(facts.node.name, quarantine.reason(waited_for))

    def resigned(self, facts: Facts, hop: Hop, waited_for: str) -> Ending:
        waited_for = "; ".join((waited_for, *deleted(facts)))
        if not self._is_quarantined(facts, hop):
            usual = super().resigned(facts, hop, waited_for)
            return Ending(usual.what + quarantine.why_not(facts.ledger, facts.policy.drain), _way_out(hop))
        taken_back = f"start {steering_dag(hop.cluster)} with {Order.TAKE_BACK}, then clear this task"
        return Ending(
            f"quarantined: it stays cordoned, the others go on, and a later run takes it; it waited for {waited_for}",
            f"see what blocks it; to have it in this run, {taken_back}",
        )

    def _is_quarantined(self, facts: Facts, hop: Hop) -> bool:
        """A control plane node is never left behind: the others would go on beside it."""
        worker = not facts.node.control_plane and facts.node.name not in hop.control_plane
        return worker and quarantine.may_be_quarantined(facts.ledger, facts.policy.drain)


def _way_out(hop: Hop) -> str:
    asks = f"{deleting_dag(hop.cluster)} asks whether what it keeps may be deleted"
    return f"mend what blocks it; where a budget never allows it, {asks}"
