"""The engine: look, decide, act, look again.

A second run acts on nothing, and a retry goes on where the crash was, since a step is asked whether it is done before
anything else. Before each action the standing rules are asked: they hold for every step, and no step knows of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Literal, NamedTuple, NoReturn, Protocol

from kubeadm_upgrade import units
from kubeadm_upgrade.actions import (
    Action,
    Evict,
    EvictOrDelete,
    GiveSlotBack,
    NoteBegun,
    NoteFailed,
    RepeatPreflight,
    Run,
    TakeClusterAgain,
    acts_of,
)
from kubeadm_upgrade.assignment import was_opened_by_schedule
from kubeadm_upgrade.drain.obstacle import Obstacle, told
from kubeadm_upgrade.drain.pause import turns_until_asked_again
from kubeadm_upgrade.errors import (
    CommandFailed,
    Misdirected,
    NodeGone,
    NotToAct,
    StepNotDone,
    StepRefused,
    TimeCures,
    UnitFailed,
)
from kubeadm_upgrade.facts import Facts
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.journal import essence, plain
from kubeadm_upgrade.ledger import marks
from kubeadm_upgrade.ledger.ledger import Failure
from kubeadm_upgrade.standing.rules import REFUSED, Standing, turns_until, verdicts
from kubeadm_upgrade.steps import Ending, Outcome, Pending, Progress, Step, own_unit, unit_of
from kubeadm_upgrade.units import Unit
from kubeadm_upgrade.waits import Wait

# A step whose actions succeed without bringing its promise nearer stops here instead of going round for ever.
ROUNDS = 5

# What it is that keeps an action from taking effect; of the others, that the API does not show it yet.
_EVICTIONS = (Evict, EvictOrDelete)
_OBSTACLES = {**dict.fromkeys(_EVICTIONS, Wait.PODS), Run: Wait.OTHERS, RepeatPreflight: Wait.HEALTH}


class Port(Protocol):
    """How the engine sees and touches one node."""

    async def look(self, step: Step) -> Facts:
        """What the step must know, as it is now. Raises NodeGone."""

    async def standing(self, action: Action) -> Standing:
        """What stands at this very moment, for the rules that are asked before the action."""

    async def act(self, action: Action) -> str | Obstacle | None:
        """Carry out one action. Returns why it could not take effect yet, or None."""

    async def act_side_by_side(self, actions: tuple[Action, ...]) -> list[str | Obstacle | None]:
        """Those of one act, and the same of each."""


async def perform(step: Step, hop: Hop, port: Port, progress: Progress | None = None) -> Outcome | Pending:
    """Bring about the state that `step` promises, or go as far as can be gone now.

    Raises StepRefused, CommandFailed, UnitFailed, StepNotDone, and whatever the port raises; one that is waited for
    carries the progress until then.
    """
    attempt = _Attempt(step, hop, port, progress or Progress())
    try:
        for _ in range(ROUNDS):
            if result := await attempt.round():
                return result
    except (TimeCures, Misdirected) as error:
        error.progress = attempt.progress
        raise
    raise StepNotDone(f"{step.name}: not done after {ROUNDS} rounds, the last action was: {attempt.progress.told[-1]}")


async def resign(step: Step, hop: Hop, port: Port, waited_for: str) -> Ending | None:
    """What becomes of a step whose patience has ended; None: it goes on, or there is something else to wait for now."""
    with suppress(NodeGone):  # the next round has more to say of it
        facts = await port.look(step)
        if unit_of(step, facts, hop).running:
            return step.resigned(facts, hop, waited_for)
        if not step.done(facts, hop) and not step.goes_on(facts, hop):
            attempt = _Attempt(step, hop, port, Progress().looked(facts.ledger))
            if not await attempt.act_on(tuple(step.resigns(facts, hop, waited_for))):
                return step.resigned(facts, hop, waited_for)
    return None


class _Blocked(NamedTuple):
    """Why an action could not be carried out, or not take effect yet."""

    cause: str | Obstacle
    kind: Wait
    turns: int | None = None  # where it says itself how soon it is worth looking again


class _Attempt:
    """One step on one node, going round."""

    def __init__(self, step: Step, hop: Hop, port: Port, progress: Progress) -> None:
        self.step, self.hop, self.port, self.progress = step, hop, port, progress
        self._before: tuple[Action, ...] = ()  # what the last round wanted

    async def round(self) -> Outcome | Pending | None:
        """Look, decide, act once; None asks for another round, which looks at what came of it."""
        try:
            facts = await self.port.look(self.step)
        except NodeGone as gone:
            return await self._gone(str(gone))
        self.progress = self.progress.looked(facts.ledger)
        unit = unit_of(self.step, facts, self.hop)
        if unit.running:
            self.progress = self.progress.attached(unit.name)
            said = f": {plain(unit.journal)}" if unit.journal else ""
            return self._wait(facts, f"unit {unit.name} is running{said}", Wait.COMMAND)
        if self.step.done(facts, self.hop):
            return self._done(facts)
        if self._is_for_a_person(facts, unit):
            return await self._fail(facts, unit)
        if reason := self.step.refuse(facts, self.hop):
            raise StepRefused(f"{facts.node.name}: {self.step.name}: {reason}{_failed_before(facts)}")
        return await self._act_or_wait(facts, unit)

    async def _act_or_wait(self, facts: Facts, unit: Unit) -> Outcome | Pending | None:
        wanted = tuple(wanted_actions(self.step, facts, self.hop))
        if not wanted:
            # no action to ask the rules about, and no reason to wait either: behind a failed node it may be for ever
            if self.step.is_at_the_gates and (reason := marks.aborted(facts.ledger, facts.node.name, facts.run)):
                raise NotToAct(f"{facts.node.name}: {self.step.name}: {reason}")
            if left := self.step.leaves(facts, self.hop):
                return Outcome(self.step.name, facts.node.name, "left", self.progress.told, (left,))
            return self._wait(facts, self.step.pending(facts, self.hop), self.step.awaits(facts, self.hop))
        if unit.succeeded and unit.name in self.progress.units and any(map(_starts_unit, wanted)):
            self._stop(facts, f"unit {unit.name} has succeeded and changed nothing")
        if wanted == self._before and any(isinstance(action, Run) for action in wanted):
            self._stop(facts, f"done twice and without effect: {wanted[-1]}: {self.step.pending(facts, self.hop)}")
        self._before = wanted
        blocked = await self.act_on(wanted)
        return self._blocked(facts, blocked) if blocked else None

    async def act_on(self, wanted: tuple[Action, ...]) -> list[_Blocked]:
        """Carry out actions in order; what follows the start of a unit waits for the unit's end, so it is left.

        Returns why some could not take effect yet.
        """
        blocked: list[_Blocked] = []
        for acts in acts_of(wanted):
            # what one act consists of is asked about before the first of it
            if ruled_out := await self._ask_rules(acts[0]):
                return [*blocked, ruled_out]
            causes = await self.port.act_side_by_side(acts)
            for action in acts:
                self.progress = self.progress.acted(action)
            kind = _OBSTACLES.get(type(acts[0]), Wait.EFFECT)
            blocked += [_Blocked(cause, kind) for cause in causes if cause]
            if isinstance(acts[0], _EVICTIONS):
                self.progress = self.progress.asked(granted=None in causes)
            elif blocked or _starts_unit(acts[0]):  # anything that is blocked is what the next builds on
                break
        return blocked

    async def _ask_rules(self, action: Action) -> _Blocked | None:
        """Returns what has to be waited for before anything is done here. Raises StepRefused."""
        standing = await self.port.standing(action)
        for wait, sentence in verdicts(standing):
            if wait is not REFUSED:
                return _Blocked(sentence, wait, turns_until(standing) if wait is Wait.WINDOW else None)
            raise NotToAct(f"{standing.node}: {self.step.name}: {sentence}")
        return await self._take_cluster_again(standing) if standing.ledger.ended_at else None

    async def _take_cluster_again(self, standing: Standing) -> _Blocked | None:
        """For a task that was cleared after the run had ended; not for one that its end has left over somewhere."""
        if standing.ledger.ended_at == self.progress.ended:
            obstacle = await self.port.act(TakeClusterAgain())
            return _Blocked(obstacle, Wait.EFFECT) if obstacle else None
        raise StepRefused(
            f"{standing.node}: {self.step.name}: {standing.run} has ended meanwhile: clear this task, if it is to go on"
        )

    def _is_for_a_person(self, facts: Facts, unit: Unit) -> bool:
        """A failure of this attempt; or one that nobody was told of, of a unit that must not be run again unseen."""
        if unit.failed and unit.name in self.progress.units:
            return True
        return not self.step.repeats and (_untold(facts) is not None or _is_news(facts, unit))

    async def _fail(self, facts: Facts, unit: Unit) -> Pending:
        untold = _untold(facts)
        name, why = (untold.unit, untold.why) if untold else (unit.name, essence(unit.journal))
        note = () if self.step.repeats else (NoteFailed(facts.node.name, name, why),)
        if blocked := await self.act_on((*self.step.amends(facts, self.hop), *note)):
            return self._blocked(facts, blocked)
        said = _told_late(self.step, facts, untold) if untold else _unit_failure(self.step, facts, unit)
        journal = f"on {facts.node.name}: journalctl -u {name}"
        if self.step.repeats:
            raise CommandFailed(said, do=f"mend what it says ({journal})")
        raise UnitFailed(said, do=f"mend what it says ({journal}): it is not run again by itself")

    async def _gone(self, node: str) -> Outcome | Pending:
        """A Node that has left the cluster leaves its slot to the others."""
        if obstacle := await self.port.act(GiveSlotBack(node)):
            return Pending(str(obstacle), self.progress)
        return Outcome(self.step.name, node, "gone", self.progress.told, (f"{node} is no longer in the cluster",))

    def _done(self, facts: Facts) -> Outcome:
        status: Literal["changed", "unchanged"] = "changed" if self.progress.told else "unchanged"
        details = self.step.details(facts, self.hop)
        return Outcome(self.step.name, facts.node.name, status, self.progress.told, details)

    def _blocked(self, facts: Facts, blocked: list[_Blocked]) -> Pending:
        """What is told is all of it; what it counts as, the first."""
        first, causes = blocked[0], [one.cause for one in blocked]
        turns = turns_until_asked_again(causes, self.progress.refused) if first.kind is Wait.PODS else first.turns
        return self._wait(facts, told(causes), first.kind, turns)

    def _wait(self, facts: Facts, reason: str, kind: Wait, turns: int | None = None) -> Pending:
        turns = turns or self.step.turns(facts, self.hop)
        return Pending(f"{reason}{_failed_before(facts)}", self.progress, turns, kind)

    def _stop(self, facts: Facts, why: str) -> NoReturn:
        raise StepNotDone(f"{facts.node.name}: {self.step.name}: {why}{_failed_before(facts)}")


def rehearse(steps: Iterable[Step], facts: Facts, hop: Hop) -> Iterator[Outcome]:
    """What `perform` would do, step after step, if every action took effect: nothing is touched."""
    for step in steps:
        if step.done(facts, hop):
            yield Outcome(step.name, facts.node.name, "unchanged")
            continue
        told = tuple(line for action in wanted_actions(step, facts, hop) for line in _told(action))
        yield Outcome(step.name, facts.node.name, "planned", told, step.asks(hop))
        facts = step.promise(facts, hop)


def _told(action: Action) -> Iterator[str]:
    """The command, and what it writes: the one line that a person wants to review."""
    yield str(action)
    if isinstance(action, Run):
        yield from (f"  writes: {line}" for line in action.written)


def wanted_actions(step: Step, facts: Facts, hop: Hop) -> Iterator[Action]:
    """The step's actions; a unit whose name systemd remembers is started under the name of its next try."""
    unit, failed = own_unit(step, facts, hop), facts.failure.unit if facts.failure else ""
    for action in step.actions(facts, hop):
        if isinstance(action, Run | NoteBegun) and action.unit:
            yield replace(action, unit=units.next_try(action.unit, unit, failed))
        else:
            yield action


def _starts_unit(action: Action) -> bool:
    return isinstance(action, Run) and action.unit is not None


def _failed_before(facts: Facts) -> str:
    """What a person was told of this node's unit: the first failure is the cause of much that comes after it."""
    failure = facts.failure
    return f" (before that, {failure.unit} had failed: {failure.why})" if failure else ""


def _untold(facts: Facts) -> Failure | None:
    """A failure that whoever started this run did not know of; where a schedule has opened it, of any before it."""
    return None if facts.failure is None or facts.failure.told else facts.failure


def _is_news(facts: Facts, unit: Unit) -> bool:
    """Whether the ledger does not know that this unit has failed."""
    return unit.failed and (facts.failure is None or facts.failure.unit != unit.name)


def _told_late(step: Step, facts: Facts, failure: Failure) -> str:
    by_schedule = was_opened_by_schedule(facts.run.dag_run)
    when = "in an earlier run, and nobody has started this one" if by_schedule else "while this run was waiting"
    return f"{facts.node.name}: {step.name}: {failure.unit} has failed {when}: {failure.why}"


def _unit_failure(step: Step, facts: Facts, unit: Unit) -> str:
    """The cause first, since pages show the beginning of the first line; a whole journal is long."""
    where = f"{facts.node.name}: {step.name}"
    how = f"exit status {unit.exit_status}" + (f", {unit.result}" if unit.result != "exit-code" else "")
    if not unit.journal:
        return f"{where}: unit {unit.name} ended with {how}"
    return f"{where}: {essence(unit.journal)} (unit {unit.name}, {how})\nits journal ends:\n{plain(unit.journal)}"
