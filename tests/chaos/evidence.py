"""What is known of a cluster's upgrade, by the lab alone: nothing of it comes from the product or from Airflow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import yaml

from lab.records import Record

LEDGER = "kubeadm-fleet-ledger"
#: Whom a person writes into it who edits it under a run.
FOREIGN_RUN = "by-hand"


@dataclass(frozen=True)
class LedgerRecord:
    """The ledger as it stands from ``time`` on, whoever has written it."""

    time: float
    data: Mapping[str, str]

    @property
    def holder(self) -> Mapping[str, object]:
        """Nothing where there is none, or where a person has garbled it."""
        return _mapping(self.data.get("holder", ""))

    def has_slot(self, node: str) -> bool:
        """One that a run has taken, and no person has made up."""
        slot = _mapping(self.data.get(f"out-of-service.{node}", ""))
        return slot.get("run", FOREIGN_RUN) != FOREIGN_RUN


def _mapping(text: str) -> Mapping[str, object]:
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError:
        return {}
    return found if isinstance(found, dict) else {}


Entry = Record | LedgerRecord


@dataclass(frozen=True)
class Evidence:
    """Everything in the order in which it was seen, and what the judges must know beside it."""

    control_plane: tuple[str, ...]
    workers: tuple[str, ...]
    entries: Sequence[Entry]
    max_unavailable: int = 1
    #: Nodes that a person had cordoned before the run.
    cordoned_before: frozenset[str] = frozenset()
    #: The run that was played, and the ids that a person has written into the ledger meanwhile.
    runs: tuple[str, ...] = ()
    edited_in: tuple[str, ...] = ()
    #: What the lab's own rules have found broken.
    broken_rules: tuple[str, ...] = ()

    @property
    def nodes(self) -> tuple[str, ...]:
        return self.control_plane + self.workers
