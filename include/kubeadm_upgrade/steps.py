"""The engine: look, decide, act, look again.

A step is three pure questions. `done` is asked before (skip) and after (verify) and looks at effects; `refuse`
says why acting now would be wrong; `actions` are the commands of the page, in its order, and only those still
needed. So a second run acts on nothing, and a retry goes on where the crash was.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any, Literal

from kubeadm_upgrade import units
from kubeadm_upgrade.actions import Action, Evict, Run
from kubeadm_upgrade.errors import CommandFailed, StepNotDone, StepRefused, TimeCures
from kubeadm_upgrade.facts import Facts
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.units import Unit

# A step whose actions succeed without bringing its promise nearer stops here instead of going round for ever.
ROUNDS = 5


class Need(Enum):
    """What a step must have looked at; the Node itself is always."""

    HOST = "host"
    PODS = "pods"
    CONTROL_PLANE = "control plane"
    LANE = "lane"
    UPGRADE_PLAN = "upgrade plan"
    BACKUPS = "backups"


class Step:
    """One heading of the procedure. An instance carries nothing: a step is its class."""

    needs: frozenset[Need] = frozenset()
    patience: Literal["command", "drain", "ready", "control_plane"] | None = "command"  # of the inventory's timeouts

    @property
    def name(self) -> str:
        """Task id and step name: the class's own name in snake case."""
        return re.sub(r"(?<!^)(?=[A-Z])", "_", type(self).__name__).lower()

    def done(self, facts: Facts, hop: Hop) -> bool:
        """Whether what the heading promises is so."""
        raise NotImplementedError

    def refuse(self, facts: Facts, hop: Hop) -> str | None:
        """Why acting now would be wrong, in a sentence; None when it would not."""
        return None

    def actions(self, facts: Facts, hop: Hop) -> Iterator[Action]:
        """What is still to be done, in order. Nothing: there is only waiting to do."""
        yield from ()

    def amends(self, facts: Facts, hop: Hop) -> Iterator[Action]:
        """What must be put right although the step's unit has failed, before anybody is told."""
        yield from ()

    def pending(self, facts: Facts, hop: Hop) -> str:
        """What is being waited for, when nothing is left to do and the step is not done."""
        return "its effect to show"

    def turns(self, facts: Facts, hop: Hop) -> int:
        """How soon it is worth looking again: 1 at once, more when others come first."""
        return 1

    def details(self, facts: Facts, hop: Hop) -> tuple[str, ...]:
        """What the outcome should say beyond its actions, once the step is done."""
        return ()

    def unit(self, hop: Hop) -> str | None:
        """The named transient unit that this step's long command runs in."""
        return None

    def promise(self, facts: Facts, hop: Hop) -> Facts:
        """The facts as they will be once this step is done; dry runs are built on it."""
        raise NotImplementedError


@dataclass(frozen=True)
class Outcome:
    """What became of a step on a node."""

    step: str
    node: str
    status: Literal["unchanged", "changed", "planned"]
    actions: tuple[str, ...] = ()
    details: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"actions": list(self.actions), "details": list(self.details)}


@dataclass(frozen=True)
class Pending:
    """The step is under way and only time is needed."""

    reason: str
    actions: tuple[str, ...] = ()
    turns: int = 1  # see Step.turns


Look = Callable[[], Awaitable[Facts]]
Act = Callable[[Action], Awaitable[str | None]]  # the answer: why it could not take effect yet, or None


async def perform(step: Step, hop: Hop, look: Look, act: Act, told: Iterable[str] = ()) -> Outcome | Pending:
    """Bring about the state that `step` promises, or go as far as can be gone now.

    `told` are the actions of this attempt so far: whoever calls again after a Pending hands them back.
    Raises StepRefused, CommandFailed, StepNotDone, and whatever `look` and `act` raise; an error that time can
    cure carries what was told until then.
    """
    said = list(told)
    try:
        for _ in range(ROUNDS):
            if result := await _round(step, hop, look, act, said):
                return result
    except TimeCures as error:
        error.told = tuple(said)
        raise
    raise StepNotDone(f"{step.name}: not done after {ROUNDS} rounds, the last action was: {said[-1]}")


async def _round(step: Step, hop: Hop, look: Look, act: Act, said: list[str]) -> Outcome | Pending | None:
    """Look, decide, act once; None asks for another round, which looks at what came of it."""
    facts = await look()
    unit = _unit(step, facts, hop)
    if unit.running:
        if not _concerned(step.unit(hop), said):
            said.append(f"attach to unit {step.unit(hop)}")
        return Pending(f"unit {step.unit(hop)} is running" + (f": {unit.journal}" if unit.journal else ""), tuple(said))
    if step.done(facts, hop):
        status: Literal["changed", "unchanged"] = "changed" if said else "unchanged"
        return Outcome(step.name, facts.node.name, status, tuple(said), step.details(facts, hop))
    if unit.failed and _concerned(step.unit(hop), said):  # a leftover of an earlier attempt is forgotten below
        if blocked := await _act_on(tuple(step.amends(facts, hop)), act, said):
            return Pending("; ".join(blocked), tuple(said))
        raise CommandFailed(_unit_failure(step, facts, hop, unit))
    if reason := step.refuse(facts, hop):
        raise StepRefused(f"{facts.node.name}: {step.name}: {reason}")
    wanted = tuple(wanted_actions(step, facts, hop))
    if unit.succeeded and _concerned(step.unit(hop), said) and any(isinstance(a, Run) and a.unit for a in wanted):
        raise StepNotDone(f"{facts.node.name}: {step.name}: unit {step.unit(hop)} has succeeded and changed nothing")
    blocked = await _act_on(wanted, act, said) if wanted else [step.pending(facts, hop)]
    return Pending("; ".join(blocked), tuple(said), step.turns(facts, hop)) if blocked else None


def rehearse(steps: Iterable[Step], facts: Facts, hop: Hop) -> Iterator[Outcome]:
    """What `perform` would do, step after step, if every action took effect: nothing is touched."""
    for step in steps:
        if step.done(facts, hop):
            yield Outcome(step.name, facts.node.name, "unchanged")
            continue
        told = tuple(str(action) for action in wanted_actions(step, facts, hop))
        yield Outcome(step.name, facts.node.name, "planned", told)
        facts = step.promise(facts, hop)


def wanted_actions(step: Step, facts: Facts, hop: Hop) -> Iterator[Action]:
    """The step's actions, and before them what makes systemd forget an earlier run of its unit."""
    unit = _unit(step, facts, hop)
    for action in step.actions(facts, hop):
        if isinstance(action, Run) and action.unit and unit.remembered:
            yield Run(units.forget(action.unit, unit))
        yield action


async def _act_on(wanted: tuple[Action, ...], act: Act, said: list[str]) -> list[str]:
    """Carry out actions in order; what follows the start of a unit waits for the unit's end, so it is left.

    Returns why some could not take effect yet.
    """
    blocked = []
    for action in wanted:
        obstacle = await act(action)
        if str(action) not in said:
            said.append(str(action))
        if obstacle:
            blocked.append(obstacle)
        # evictions wait for each other's budgets only; anything else that is blocked is what the next action builds on
        if (isinstance(action, Run) and action.unit) or (obstacle and not isinstance(action, Evict)):
            break
    return blocked


def _unit(step: Step, facts: Facts, hop: Hop) -> Unit:
    name = step.unit(hop)
    return facts.host.units.get(name, Unit()) if name else Unit()


def _concerned(name: str | None, said: Iterable[str]) -> bool:
    """Whether this attempt has started the unit, or attached to it."""
    return any(f"--unit={name} " in line or line == f"attach to unit {name}" for line in said)


def _unit_failure(step: Step, facts: Facts, hop: Hop, unit: Unit) -> str:
    said = f"; its journal ends:\n{unit.journal}" if unit.journal else ""
    how = f"exit status {unit.exit_status} ({unit.result})"
    return f"{facts.node.name}: {step.name}: unit {step.unit(hop)} ended with {how}{said}"
