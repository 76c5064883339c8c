"""What the tasks have in common that wait at the gates before a node is touched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kubeadm_upgrade.actions import NoteSoak
from kubeadm_upgrade.admission.gates import GATES, Gate, kind_of_wait, window_hold
from kubeadm_upgrade.facts import Facts
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.ledger import marks
from kubeadm_upgrade.rollout.gates import course_of, soak_left
from kubeadm_upgrade.steps import Step
from kubeadm_upgrade.to_be_continued import LEAVES
from kubeadm_upgrade.waits import A_TURN, Wait
from kubeadm_upgrade.windows.calendar import WhenOver


class AtTheGates(Step):
    """Wait until no gate has anything to say."""

    patience = None  # it may take a person to open one
    is_at_the_gates = True
    gates: Mapping[Gate, Wait] = GATES

    def refuse(self, facts: Facts, hop: Hop) -> str | None:
        name = facts.node.name
        if not facts.node.control_plane and (reason := marks.given_up(facts.ledger, hop.cluster, name)):
            return reason
        if name not in facts.lane.members:
            return f"it was planned as a {facts.lane.name} node and is none any more: see its labels, start a new run"
        return None

    def soaks(self, facts: Facts, hop: Hop) -> Iterator[NoteSoak]:
        """What is to be noted of the groups that this node waits behind: of each group its first tells for all."""
        if facts.lane.groups and not facts.lane.before(facts.node.name):
            yield from (NoteSoak(group, str(hop.to), done) for group, done in course_of(facts, hop).to_note)

    def awaits(self, facts: Facts, hop: Hop) -> Wait:
        return kind_of_wait(facts, hop, self.gates)

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
