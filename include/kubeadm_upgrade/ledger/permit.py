"""Pods that a drain may delete where no budget lets it evict them: of one node, for one run, and who has agreed.

A Pod is its UID here, so another one of the same name is never meant. docs/drain.md says what is asked before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from kubeadm_upgrade.assignment import RunId

_WAS_DELETED = " was deleted and not evicted, "


@dataclass(frozen=True)
class PermittedPod:
    """One Pod that somebody has agreed to."""

    uid: str
    pod: str  # namespace and name, for people
    by: str
    at: datetime
    deleted: datetime | None = None  # noted right before it is, so that no other drain counts on it any more

    @property
    def told(self) -> str:
        """What was done, by whose word."""
        return f"pod {self.pod}{_WAS_DELETED}{self.approval}"

    @property
    def approval(self) -> str:
        return f"approved by {self.by} on {self.at.astimezone(UTC):%Y-%m-%d %H:%M:%S UTC}"


@dataclass(frozen=True)
class Permit:
    """What one run may delete on one node: worth nothing to any other run, nor for any other node."""

    run: RunId
    pods: tuple[PermittedPod, ...] = ()

    def of(self, uid: str) -> PermittedPod | None:
        return next((one for one in self.pods if one.uid == uid), None)

    @property
    def deleted(self) -> tuple[PermittedPod, ...]:
        return tuple(one for one in self.pods if one.deleted is not None)

    def extended(self, more: Iterable[PermittedPod]) -> Permit:
        """Whoever has agreed to a Pod first is named: it may be gone by their word."""
        new = tuple(one for one in more if self.of(one.uid) is None)
        return replace(self, pods=(*self.pods, *new)) if new else self

    def noted(self, uid: str, deleted: datetime | None) -> Permit:
        return replace(self, pods=tuple(replace(one, deleted=deleted) if one.uid == uid else one for one in self.pods))


def deletions_in(outcomes: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """What was deleted, as outcomes tell it: for reports and boards, when no ledger holds it any more."""
    for outcome in outcomes:
        for line in outcome.get("details") or ():
            if _WAS_DELETED in str(line):
                yield f"{outcome.get('node')}: {line}"
