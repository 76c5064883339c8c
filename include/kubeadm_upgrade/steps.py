"""A step: one heading of the procedure, as three pure questions; and what becomes of one.

`done` is asked before (skip) and after (verify) and looks at effects; `refuse` says why acting now would be wrong;
`actions` are the commands of the page, in its order, and only those still needed. engine.py asks them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import Enum
from typing import Any, Literal, NamedTuple

from kubeadm_upgrade.actions import Action, Run
from kubeadm_upgrade.facts import Facts
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.ledger.ledger import Ledger
from kubeadm_upgrade.units import Unit, is_try
from kubeadm_upgrade.waits import Wait


class Need(Enum):
    """What a step must have looked at; the Node, the policy and the ledger always are."""

    HOST = "host"
    PODS = "pods"
    CONTROL_PLANE = "control plane"
    ETCD = "etcd"  # on control plane nodes
    LANE = "lane"
    UPGRADE_PLAN = "upgrade plan"
    BACKUPS = "backups"
    IMAGES = "images"
    VOLUMES = "volumes"  # attached to the node
    TO_COME = "to come"  # which nodes are drained after this one
    LEASE = "lease"  # of the node's kubelet
    LEADERS = "leaders"  # of the controllers
    HEALTH = "health"  # of workloads, as far as the rollout goes by it


_PATIENCE_FOR: Mapping[str, Wait] = {"drain": Wait.PODS, "ready": Wait.NODE, "control_plane": Wait.HEALTH}


class Step:
    """One heading of the procedure. An instance carries nothing: a step is its class."""

    needs: frozenset[Need] = frozenset()
    patience: Literal["command", "drain", "ready", "control_plane"] | None = "command"  # of the inventory's timeouts
    is_at_the_gates = False  # before anything of the node is touched: whoever waits here may as well go
    repeats = True  # whether its unit, once failed, may be run again before a person has seen why

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

    def awaits(self, facts: Facts, hop: Hop) -> Wait:
        """Of what kind that is: mostly what its patience is for."""
        return _PATIENCE_FOR.get(self.patience or "", Wait.EFFECT)

    def turns(self, facts: Facts, hop: Hop) -> int:
        """How soon it is worth looking again: 1 at once, more when others come first."""
        return 1

    def leaves(self, facts: Facts, hop: Hop) -> str | None:
        """Why the node is left for a later run rather than waited with; None where it is not."""
        return None

    def goes_on(self, facts: Facts, hop: Hop) -> bool:
        """Whether it is waited for although its patience has ended."""
        return False

    def resigns(self, facts: Facts, hop: Hop, waited_for: str) -> Iterator[Action]:
        """What is left behind where its patience has ended, before its task fails."""
        yield from ()

    def resigned(self, facts: Facts, hop: Hop, waited_for: str) -> Ending:
        """What is told of it then; the facts are those from before."""
        return Ending(f"patience has ended, still waiting: {waited_for}")

    def details(self, facts: Facts, hop: Hop) -> tuple[str, ...]:
        """What the outcome should say beyond its actions, once the step is done."""
        return ()

    def asks(self, hop: Hop) -> tuple[str, ...]:
        """What the outcome of a dry run should say beyond its actions: what is asked, where the answer decides."""
        return ()

    def unit(self, hop: Hop) -> str | None:
        """The named transient unit that this step's long command runs in; a further try has a number behind it."""
        return None

    def promise(self, facts: Facts, hop: Hop) -> Facts:
        """The facts as they will be once this step is done; dry runs are built on it."""
        raise NotImplementedError


@dataclass(frozen=True)
class Outcome:
    """What became of a step on a node."""

    step: str
    node: str
    # gone: the Node has left the cluster; left: it was not begun with, and is for a later run
    status: Literal["unchanged", "changed", "planned", "gone", "left"]
    actions: tuple[str, ...] = ()
    details: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return asdict(self) | {"actions": list(self.actions), "details": list(self.details)}


class Ending(NamedTuple):
    """The last word on a step whose patience has ended."""

    what: str
    do: str | None = None


@dataclass(frozen=True)
class Progress:
    """What this attempt has done so far; whoever goes on after a Pending, or after a lost connection, hands it back."""

    told: tuple[str, ...] = ()  # its actions, as lines
    units: frozenset[str] = frozenset()  # the tries that it started, or attached to
    # when the run had ended before this attempt began; "" where it had not, None before the first look
    ended: str | None = None
    refused: int = 0  # how often in a row no eviction was granted of those that were asked for

    def acted(self, action: Action) -> Progress:
        started = {action.unit} if isinstance(action, Run) and action.unit else set()
        return self._with(str(action), self.units | started)

    def asked(self, *, granted: bool) -> Progress:
        """For evictions."""
        return replace(self, refused=0 if granted else self.refused + 1)

    def attached(self, unit: str) -> Progress:
        return self if unit in self.units else self._with(f"attach to unit {unit}", self.units | {unit})

    def looked(self, ledger: Ledger) -> Progress:
        return self if self.ended is not None else replace(self, ended=ledger.ended_at)

    def to_json(self) -> dict[str, Any]:
        refused = {"refused": self.refused} if self.refused else {}
        return {"told": list(self.told), "units": sorted(self.units), "ended": self.ended, **refused}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Progress:
        return cls(tuple(plain["told"]), frozenset(plain["units"]), plain.get("ended"), plain.get("refused", 0))

    def _with(self, line: str, started: frozenset[str] | set[str]) -> Progress:
        told = self.told if line in self.told else (*self.told, line)
        return replace(self, told=told, units=frozenset(started))


_MOST_TOLD = 1000  # characters: a program's last line may be as long as it likes


@dataclass(frozen=True)
class Pending:
    """The step is under way and only time is needed."""

    reason: str
    progress: Progress = field(default_factory=Progress)
    turns: int = 1  # see Step.turns
    kind: Wait = Wait.EFFECT

    @property
    def waits_for(self) -> tuple[Wait, str]:
        """What is told of it. Of a turn nothing but that: who has it changes with every node that is done."""
        if self.kind is Wait.TURN or (self.turns > 1 and self.kind not in (Wait.WINDOW, Wait.SOAK, Wait.PODS)):
            return Wait.TURN, "its turn"
        return self.kind, self.reason[:_MOST_TOLD]


def own_unit(step: Step, facts: Facts, hop: Hop) -> Unit:
    """The newest try of the step's unit."""
    return facts.units.get(step.unit(hop) or "", Unit())


def unit_of(step: Step, facts: Facts, hop: Hop) -> Unit:
    """The unit that this step has to do with: one that was begun here for another target goes before its own.

    As long as that one runs; and where it has failed, since nobody may have been told.
    """
    begun = begun_for_another(step, facts, hop)
    left = facts.units.get(begun, Unit())
    return left if left.running or left.failed else own_unit(step, facts, hop)


def begun_for_another(step: Step, facts: Facts, hop: Hop) -> str:
    """The unit that the ledger says was begun on this node and is no try of the step's own; mostly none."""
    slot = None if step.repeats else facts.slot
    doing, base = slot.doing if slot else "", step.unit(hop) or ""
    return "" if is_try(doing, base) else doing
