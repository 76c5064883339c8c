"""One approval: who has agreed to which terms, when and why, and what they let pass."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kubeadm_upgrade.approval.difference import covers, difference
from kubeadm_upgrade.approval.terms import Block, Terms
from kubeadm_upgrade.version import Version

BY_DEADLINE = "the deadline"  # in the place of a name: nobody had answered, and the cluster's file says what then


@dataclass(frozen=True)
class Approval:
    """It outlives its run: later runs on the path carry it, where their terms are the rest of these."""

    by: str
    at: datetime
    terms: Terms
    why: str = ""
    waived: tuple[str, ...] = ()  # checks of preflight
    run: str = ""

    def covers(self, now: Terms, begun: Set[str] = frozenset()) -> bool:
        return covers(self.terms, now, begun)

    def difference(self, now: Terms, begun: Set[str] = frozenset()) -> tuple[str, ...]:
        return difference(self.terms, now, begun)

    def waives(self, check: str, sentence: str) -> bool:
        """Whether whoever approved has seen this finding, and let its check pass."""
        now = Block(check, sentence)
        return check in self.waived and any(shown.covers(now) for shown in self.terms.blocks)

    def is_of_a_path_to(self, version: Version) -> bool:
        """Whether a hop to this version was part of it."""
        return any(hop.to == version for hop in self.terms.hops)

    def __str__(self) -> str:
        when = self.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        why = f": {self.why}" if self.why else ""
        waived = f"; waived: {', '.join(self.waived)}" if self.waived else ""
        return f"approved by {self.by} on {when}{why}{waived}"

    def to_json(self) -> dict[str, Any]:
        told = {"by": self.by, "at": self.at.isoformat(timespec="seconds"), "why": self.why}
        return told | {"waived": list(self.waived), "run": self.run, "terms": self.terms.to_json()}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Approval:
        """Raises KeyError, TypeError, ValueError or AttributeError for what is not whole."""
        at = datetime.fromisoformat(plain["at"])
        return cls(
            by=str(plain["by"]),
            at=at if at.tzinfo else at.replace(tzinfo=UTC),
            terms=Terms.from_json(plain["terms"]),
            why=str(plain.get("why") or ""),
            waived=tuple(map(str, plain.get("waived") or ())),
            run=str(plain.get("run") or ""),
        )
