"""What tasks wait for, by kind: what a board says of a node, and what a report counts an hour under."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from kubeadm_upgrade.errors import Unauthorized, UpgradeError

A_TURN = timedelta(seconds=2)  # who waits counts in looks that are so far apart
MOST_TURNS = 25  # whatever comes first: somebody may edit the cluster's file, and that is seen within a minute


class Wait(StrEnum):
    """A kind of wait. A gate, a rule and a step each say which one is theirs."""

    CLUSTER = "cluster"  # another run holds it
    TURN = "turn"  # other nodes come first
    SLOT = "slot"  # as many nodes are out of service as may be
    PAUSE = "pause"
    SOAK = "soak"  # of the group before, to be over
    FAILURES = "failures"  # as many have failed as halt the rollout
    WINDOW = "window"  # a maintenance window, or the end of an exclusion
    OTHERS = "others"  # somebody else is at work on the host
    CREDENTIALS = "credentials"  # that are accepted
    FILE = "file"  # of the cluster, to be mended
    ANSWER = "answer"  # of an API or a host that is silent
    HEALTH = "health"  # of the control plane
    WORKLOADS = "workloads"  # or what a query says of them, to be well
    PODS = "pods"  # to leave the node
    NODE = "node"  # to be Ready
    COMMAND = "command"  # on the host, to end
    APPROVAL = "approval"  # by a person
    EFFECT = "effect"  # to show in the API


# What says nothing of how long a step takes: somebody else's time.
IDLE = frozenset(
    {
        *(Wait.CLUSTER, Wait.TURN, Wait.SLOT, Wait.PAUSE, Wait.WINDOW, Wait.OTHERS, Wait.CREDENTIALS, Wait.FILE),
        *(Wait.APPROVAL, Wait.SOAK, Wait.FAILURES),
    }
)

WORDS: Mapping[str, str] = {
    Wait.CLUSTER: "for another run to end",
    Wait.TURN: "for its turn",
    Wait.SLOT: "for a slot",
    Wait.PAUSE: "for the pause to end",
    Wait.SOAK: "for a soak to end",
    Wait.FAILURES: "for failed nodes to be mended",
    Wait.WINDOW: "for its maintenance window",
    Wait.OTHERS: "for somebody else at work on the host",
    Wait.CREDENTIALS: "for credentials",
    Wait.FILE: "for the cluster's file to be mended",
    Wait.ANSWER: "for an answer",
    Wait.HEALTH: "for the control plane to be healthy",
    Wait.WORKLOADS: "for workloads to be well",
    Wait.PODS: "for Pods to go",
    Wait.NODE: "for the node to be Ready",
    Wait.COMMAND: "for commands on hosts",
    Wait.APPROVAL: "for approval",
    Wait.EFFECT: "for the API to show it",
}


def kind_of(error: UpgradeError) -> Wait:
    """What is waited for after an error that is waited for."""
    return Wait.CREDENTIALS if isinstance(error, Unauthorized) else Wait.ANSWER


@dataclass(frozen=True)
class Waits:
    """What one task waits for, and how long it has waited for each kind before."""

    kind: Wait
    reason: str
    since: datetime  # when it began to wait for this kind of thing, in whatever words
    spent: Mapping[Wait, float] = field(default_factory=dict)
    reason_since: datetime | None = None  # in these words, where it is later

    def then(self, kind: Wait, reason: str, now: datetime) -> Waits:
        """After another look."""
        if (kind, reason) == (self.kind, self.reason):
            return self
        if kind == self.kind:
            return replace(self, reason=reason, reason_since=now)
        return Waits(kind, reason, now, self._spent_until(now))

    def until(self, now: datetime) -> list[list[Any]]:
        """The whole wait, as outcomes tell it: kind and seconds."""
        return [[str(kind), round(seconds, 1)] for kind, seconds in self._spent_until(now).items()]

    def seconds_of(self, kind: Wait, now: datetime) -> float:
        """How long it has waited for things of this kind."""
        return self._spent_until(now).get(kind, 0.0)

    def to_json(self) -> dict[str, Any]:
        """What the XCom `waiting` says, and what a trigger begins with."""
        spent = {"spent": [[str(kind), seconds] for kind, seconds in self.spent.items()]} if self.spent else {}
        later = {"reason_since": self.reason_since.isoformat()} if self.reason_since else {}
        return {"reason": self.reason, "since": self.since.isoformat(), "kind": str(self.kind), **later, **spent}

    @classmethod
    def from_json(cls, plain: object) -> Waits | None:
        """None for what is not whole, or another release's: a board shows less then, and that is all."""
        try:
            kind, reason, since = (plain[name] for name in ("kind", "reason", "since"))  # type: ignore[index]
            spent = seconds_by_kind(plain.get("spent"))  # type: ignore[attr-defined]
            before = {Wait(other): seconds for other, seconds in spent.items()}
            later = plain.get("reason_since")  # type: ignore[attr-defined]
            in_words = datetime.fromisoformat(later) if later else None
            read = cls(Wait(kind), reason, datetime.fromisoformat(since), before, in_words)
        except (KeyError, TypeError, ValueError):
            return None
        return read if isinstance(reason, str) and read.since.tzinfo else None

    def _spent_until(self, now: datetime) -> dict[Wait, float]:
        lasted = max(0.0, (now - self.since).total_seconds())
        return {**self.spent, self.kind: self.spent.get(self.kind, 0.0) + lasted}


def seconds_by_kind(waited: object) -> dict[str, float]:
    """An outcome's `waited`, whoever has written it: nothing of one that is not whole."""
    try:
        return {str(kind): float(seconds) for kind, seconds in waited} if isinstance(waited, list) else {}
    except (TypeError, ValueError):
        return {}


def idle_seconds(waited: object) -> float:
    """Of an outcome's `waited`: what was somebody else's time."""
    return sum(seconds for kind, seconds in seconds_by_kind(waited).items() if kind in IDLE)
