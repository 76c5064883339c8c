"""The fleet, kept in memory between two questions: one for all, of which everybody is told what they may read."""

from __future__ import annotations

import threading
from collections.abc import Container
from dataclasses import replace
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from kubeadm_airflow.pages.fleet_records import FleetReader
from kubeadm_airflow.pages.rest import Rest
from kubeadm_upgrade.board.fleet import fleet_of
from kubeadm_upgrade.board.fleet_view import Fleet
from kubeadm_upgrade.releases.known import releases


class KeptFleet:
    """Asked by several threads, it looks for one of them at a time."""

    def __init__(self) -> None:
        self._reader = FleetReader()
        self._rest = Rest(shortest=5, longest=20)
        self._lock = threading.Lock()
        self._fleet = Fleet(datetime.min.replace(tzinfo=UTC), ())

    def of(self, session: Session, readable: Container[str]) -> Fleet:
        """The clusters whose DAGs whoever asks may read."""
        with self._lock:
            if self._rest.is_over_for("the fleet"):
                with self._rest.after():
                    now = datetime.now(UTC)
                    self._fleet = fleet_of(self._reader.read(session, now), now, releases())
            return replace(self._fleet, clusters=tuple(one for one in self._fleet.clusters if one.dag_id in readable))
