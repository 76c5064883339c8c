"""The boards that somebody has open, kept in memory between two questions: one a run, whoever asks."""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from kubeadm_airflow.pages.feed import Answer, Feed
from kubeadm_airflow.pages.rest import Rest
from kubeadm_airflow.pages.run_record import RunReader
from kubeadm_upgrade.board.board import board_of
from kubeadm_upgrade.board.record import RunRecord
from kubeadm_upgrade.board.view import Board

# What is left is told in minutes, and goes on where nothing happens.
ANEW_EVERY = timedelta(seconds=20)
LONGEST_REST = 3.8  # seconds: whoever asks every two sees within four what was written
MOST_KEPT = 16


class KeptBoard:
    """One run's board. Asked by several threads, it looks for one of them at a time."""

    def __init__(self, dag_id: str, run_id: str) -> None:
        self._reader = RunReader(dag_id, run_id)
        self._feed = Feed()
        self._lock = threading.Lock()
        self._rest = Rest(shortest=1, longest=LONGEST_REST)
        self._record: RunRecord | None = None
        self._board: Board | None = None

    def answer(self, session: Session, seen: str | None) -> Answer | None:
        """What is new since the version `seen`; None where there is no such run."""
        with self._lock:
            if self._rest.is_over:
                with self._rest.after():
                    self._look(session, datetime.now(UTC))
            elif self._rest.has_failed:
                raise RuntimeError("the run could not be read a moment ago: the log says why")
            if self._board is None:
                return None
            return self._feed.answer(self._board.as_of.isoformat(timespec="seconds"), seen)

    def _look(self, session: Session, now: datetime) -> None:
        record, before = self._reader.read(session, now), self._board
        if record is None:
            self._board = None
        elif before is None or record is not self._record or now - before.as_of >= ANEW_EVERY:
            self._board = board_of(record, now, before)
            self._feed.tell(self._board)
        self._record = record


class KeptBoards:
    """Those that were asked for last."""

    def __init__(self) -> None:
        self._boards: OrderedDict[tuple[str, str], KeptBoard] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, dag_id: str, run_id: str) -> KeptBoard:
        with self._lock:
            board = self._boards.pop((dag_id, run_id), None) or KeptBoard(dag_id, run_id)
            self._boards[dag_id, run_id] = board
            if len(self._boards) > MOST_KEPT:
                self._boards.popitem(last=False)
            return board
