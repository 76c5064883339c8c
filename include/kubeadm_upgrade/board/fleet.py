"""How every cluster stands: one pure function of what is known of each, and of the time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from kubeadm_upgrade.board.cluster_record import ClusterRecord
from kubeadm_upgrade.board.fleet_view import ClusterRow, Fleet, State


def fleet_of(records: Iterable[ClusterRecord], now: datetime) -> Fleet:
    """Every cluster as it stands at `now`, those that need a person first."""
    rows = (ClusterRow(one.name, one.dag_id, State.UNKNOWN, "", one.labels, target=one.target) for one in records)
    return Fleet(now, tuple(rows))
