"""What is known of one cluster without asking it: its DAG, its newest run, and what was last looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from kubeadm_upgrade.board.record import NodeRecord, RunRecord

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Look:
    """A cluster as a run has seen it: the XCom of the newest `look`, or the nodes of a newer report."""

    at: datetime
    version: str  # as kubeadm wrote it down; the report of a run that is done has brought it to its hop's
    nodes: tuple[NodeRecord, ...]
    hops_left: int | None = None  # of the path that was planned from it; None where none was


@dataclass(frozen=True)
class ClusterRecord:
    """One DAG of the inventory.

    `run` is the newest run. Its tasks are only asked for while it is under way, or where it has failed.
    """

    name: str
    dag_id: str
    target: str | None = None  # what the cluster's file says
    labels: Mapping[str, str] = field(default_factory=dict)
    broken: str | None = None  # what is wrong with its file; None: it is read
    run: RunRecord | None = None
    look: Look | None = None
    report: str | None = None  # address of the newest report's page
    board: str | None = None  # address of the newest run's board
