"""What is known of a cluster's upgrade, by the lab alone: nothing of it comes from the product or from Airflow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lab.records import Record

LEDGER = "kubeadm-fleet-ledger"


@dataclass(frozen=True)
class LedgerRecord:
    """The ledger as it stands from ``time`` on, whoever has written it."""

    time: float
    data: Mapping[str, str]


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
