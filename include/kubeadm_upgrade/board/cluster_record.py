"""What is known of one cluster without asking it: its DAG, its newest run, and what was last seen of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from kubeadm_upgrade.board.last_look import LastLook
from kubeadm_upgrade.board.record import RunRecord
from kubeadm_upgrade.windows.calendar import ALWAYS, Calendar


@dataclass(frozen=True)
class ClusterRecord:
    """One DAG of the inventory.

    `run` is the newest run; its tasks are only asked for while it is under way, or where it has failed. `planned` is
    the newest one that has planned a path, where that is another.
    """

    name: str
    dag_id: str
    target: str | None = None  # what the cluster's file says
    labels: Mapping[str, str] = field(default_factory=dict)
    broken: str | None = None  # what is wrong with its file; None: it is read
    unread: str | None = None  # why nothing but this is known; None: all has been read
    run: RunRecord | None = None
    planned: RunRecord | None = None
    look: LastLook | None = None
    report: str | None = None  # address of the newest report's page
    board: str | None = None  # address of the newest run's board
    calendar: Calendar = ALWAYS
