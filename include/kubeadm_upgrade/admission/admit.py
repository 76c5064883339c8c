"""The task that takes a node's slot: it waits at the gates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from kubeadm_upgrade.actions import Action, GiveSlotBack, RepeatPreflight, TakeSlot
from kubeadm_upgrade.admission.at_the_gates import AtTheGates
from kubeadm_upgrade.admission.gates import why_wait
from kubeadm_upgrade.admission.window import job_of
from kubeadm_upgrade.facts import Facts
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.ledger.ledger import WORKER, Slot
from kubeadm_upgrade.policy import FRESH
from kubeadm_upgrade.steps import Need
from kubeadm_upgrade.windows.calendar import ALWAYS


class Admit(AtTheGates):
    """Wait for a slot: one control plane node at a time, and at most max_unavailable workers."""

    needs = frozenset({Need.LANE, Need.CONTROL_PLANE, Need.ETCD, Need.LEADERS, Need.HEALTH})

    def done(self, facts: Facts, hop: Hop) -> bool:
        # a slot of another run serves nobody: it is taken anew, through the gates
        return facts.slot is not None or facts.lane.is_finished(facts.node.name)

    def actions(self, facts: Facts, hop: Hop) -> Iterator[Action]:
        yield from self.soaks(facts, hop)
        if why_wait(facts, hop) is not None:
            return
        if not self._judged(facts, hop):
            yield RepeatPreflight()
            return
        # a machine that joins under the name of one that has left must not be met with its slot
        yield from map(GiveSlotBack, sorted(facts.lane.gone))
        yield TakeSlot(facts.lane.name, facts.node.name)

    def pending(self, facts: Facts, hop: Hop) -> str:
        return f"a slot: {why_wait(facts, hop)}"

    def promise(self, facts: Facts, hop: Hop) -> Facts:
        slot = Slot(facts.lane.name, facts.run)
        return replace(facts, ledger=replace(facts.ledger, slots={**facts.ledger.slots, facts.node.name: slot}))

    def _judged(self, facts: Facts, hop: Hop) -> bool:
        """What preflight found is believed for an hour, and within one window: a wait may have lasted for days."""
        holder = facts.ledger.holder
        if holder is None:
            return True  # a rehearsal: nobody holds the cluster
        if facts.policy.strategy.health.workloads and holder.unwell is None and facts.lane.name == WORKER:
            return False  # nobody has looked before the run began: now is better than never
        return holder.judged is not None and self._oldest(facts, hop) <= holder.judged

    def _oldest(self, facts: Facts, hop: Hop) -> datetime:
        """When a judgement may have been made that still holds."""
        an_hour_ago = facts.now - FRESH
        if facts.policy.calendar == ALWAYS or hop.ignore_window:
            return an_hour_ago
        work = job_of(facts.node.name, facts.lane, facts.ledger).work
        opening = facts.policy.calendar.opening_at(facts.now, work)
        return max(an_hour_ago, opening.start) if opening else an_hour_ago
