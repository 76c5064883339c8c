"""Freezes: when nothing, or not everything, may be done, whatever the windows say."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from kubeadm_upgrade.windows.opening import Opening, merged


class Scope(StrEnum):
    """What an exclusion forbids."""

    ALL = "all"
    MINOR = "minor"  # what changes the minor release, of whatever node
    NODES = "nodes"  # what drains


@dataclass(frozen=True)
class Work:
    """What somebody wants to do, as far as an exclusion may forbid it."""

    changes_minor: bool = False
    drains: bool = False


@dataclass(frozen=True)
class Exclusion:
    """Up to but not at its end; both in UTC."""

    start: datetime
    end: datetime
    scope: Scope = Scope.ALL
    reason: str = ""

    def __contains__(self, moment: datetime) -> bool:
        return self.start <= moment < self.end

    def forbids(self, work: Work) -> bool:
        """While it lasts."""
        match self.scope:
            case Scope.ALL:
                return True
            case Scope.MINOR:
                return work.changes_minor
            case Scope.NODES:
                return work.drains


def closed(exclusions: Iterable[Exclusion], work: Work) -> tuple[Opening, ...]:
    """When this work is forbidden: ascending, each as long as it goes on."""
    # one without length, as of hours that the clocks skip, would still cut in two
    spans = sorted(Opening(one.start, one.end) for one in exclusions if one.forbids(work) and one.start < one.end)
    return tuple(merged(spans))
