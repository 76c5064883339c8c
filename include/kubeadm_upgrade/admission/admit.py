"""The first task of every node that is taken out of service: it waits at the gates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from kubeadm_upgrade.actions import Action, GiveSlotBack, NoteSoak, RepeatPreflight, TakeSlot
from kubeadm_upgrade.admission.gates import kind_of_wait, why_wait, window_hold
from kubeadm_upgrade.admission.window import job_of
from kubeadm_upgrade.facts import Facts
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.ledger import marks
from kubeadm_upgrade.ledger.ledger import Slot
from kubeadm_upgrade.policy import FRESH
from kubeadm_upgrade.rollout.gates import course_of, soak_left
from kubeadm_upgrade.steps import Need, Step
from kubeadm_upgrade.to_be_continued import LEAVES
from kubeadm_upgrade.waits import A_TURN, Wait
from kubeadm_upgrade.windows.calendar import ALWAYS, WhenOver


class Admit(Step):
    """Wait for a slot: one control plane node at a time, and at most max_unavailable workers."""

    needs = frozenset({Need.LANE, Need.CONTROL_PLANE, Need.ETCD, Need.LEADERS})
    patience = None  # it may take a person to free one
    is_at_the_gates = True

    def done(self, facts: Facts, hop: Hop) -> bool:
        # a slot of another run serves nobody: it is taken anew, through the gates
        return facts.slot is not None or facts.lane.is_finished(facts.node.name)

    def refuse(self, facts: Facts, hop: Hop) -> str | None:
        name = facts.node.name
        if not facts.node.control_plane and (reason := marks.given_up(facts.ledger, hop.cluster, name)):
            return reason
        if name not in facts.lane.members:
            return f"it was planned as a {facts.lane.name} node and is none any more: see its labels, start a new run"
        return None

    def actions(self, facts: Facts, hop: Hop) -> Iterator[Action]:
        if facts.lane.groups and not facts.lane.before(facts.node.name):  # of a group, its first tells for all
            yield from (NoteSoak(group, str(hop.to), done) for group, done in course_of(facts, hop).to_note)
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

    def awaits(self, facts: Facts, hop: Hop) -> Wait:
        return kind_of_wait(facts, hop)

    def turns(self, facts: Facts, hop: Hop) -> int:
        """Who waits for others waits for their window as well; when it opens, all look again."""
        turns, held = facts.lane.turns_until(facts.node.name), window_hold(facts, hop)
        soaks = soak_left(facts, hop) // A_TURN
        return max(turns, soaks, held.turns(facts.now) if held else 1)

    def leaves(self, facts: Facts, hop: Hop) -> str | None:
        """Where nothing more fits into the window, and the cluster's file says not to wait for the next one.

        Whoever comes before it and is left is not waited for either: it never begins in this run.
        """
        if facts.policy.calendar.when_over is not WhenOver.STOP:
            return None
        line = (*facts.lane.ahead_of(facts.node.name), facts.node.name)
        held = next((found for name in line if (found := window_hold(facts, hop, name))), None)
        return f"{LEAVES}{held.sentence}" if held else None

    def promise(self, facts: Facts, hop: Hop) -> Facts:
        slot = Slot(facts.lane.name, facts.run)
        return replace(facts, ledger=replace(facts.ledger, slots={**facts.ledger.slots, facts.node.name: slot}))

    def _judged(self, facts: Facts, hop: Hop) -> bool:
        """What preflight found is believed for an hour, and within one window: a wait may have lasted for days."""
        holder = facts.ledger.holder
        if holder is None:
            return True  # a rehearsal: nobody holds the cluster
        return holder.judged is not None and self._oldest(facts, hop) <= holder.judged

    def _oldest(self, facts: Facts, hop: Hop) -> datetime:
        """When a judgement may have been made that still holds."""
        an_hour_ago = facts.now - FRESH
        if facts.policy.calendar == ALWAYS or hop.ignore_window:
            return an_hour_ago
        work = job_of(facts.node.name, facts.lane, facts.ledger).work
        opening = facts.policy.calendar.opening_at(facts.now, work)
        return max(an_hour_ago, opening.start) if opening else an_hour_ago
