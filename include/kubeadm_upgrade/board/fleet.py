"""How every cluster stands: one pure function of what is known of each, of the releases, and of the time."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from kubeadm_upgrade.board.cluster_record import ClusterRecord
from kubeadm_upgrade.board.cluster_row import row_of
from kubeadm_upgrade.board.fleet_view import Fleet, State
from kubeadm_upgrade.releases.release import Releases

_ORDER = tuple(State)  # who needs a person comes first


def fleet_of(records: Iterable[ClusterRecord], now: datetime, releases: Releases) -> Fleet:
    """Every cluster as it stands at `now`, those that need a person first, then by name."""
    rows = (row_of(record, now, releases) for record in records)
    return Fleet(now, tuple(sorted(rows, key=lambda row: (_ORDER.index(row.state), row.name))))
