"""The boards that somebody has open, kept in memory between two questions: one a run, whoever asks."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from kubeadm_airflow.pages.feed import Answer, Feed
from kubeadm_airflow.pages.run_record import RunReader
from kubeadm_upgrade.board.board import board_of
from kubeadm_upgrade.board.record import RunRecord
from kubeadm_upgrade.board.view import Board

# However large a cluster is, and however many pages are open: its board takes a hundredth of a core. But nobody waits
# longer than LONGEST_REST for it, and several pages of a small one cost hardly more than one.
SHARE = 0.01
SHORTEST_REST, LONGEST_REST = timedelta(seconds=1), timedelta(seconds=4)
# What is left is told in minutes, and goes on where nothing happens.
ANEW_EVERY = timedelta(seconds=20)
MOST_KEPT = 16


class KeptBoard:
    """One run's board. Asked by several threads, it looks for one of them at a time."""

    def __init__(self, dag_id: str, run_id: str) -> None:
        self._reader = RunReader(dag_id, run_id)
        self._feed = Feed()
        self._lock = threading.Lock()
        self._rests_until = datetime.min.replace(tzinfo=UTC)
        self._record: RunRecord | None = None
        self._board: Board | None = None

    def answer(self, session: Session, seen: str | None) -> Answer | None:
        """What is new since the version `seen`; None where there is no such run."""
        with self._lock:
            if datetime.now(UTC) >= self._rests_until:
                self._look(session)
            if self._board is None:
                return None
            return self._feed.answer(self._board.as_of.isoformat(timespec="seconds"), seen)

    def _look(self, session: Session) -> None:
        began, now = time.thread_time(), datetime.now(UTC)
        record, before = self._reader.read(session, now), self._board
        if record is None:
            self._board = None
        elif before is None or record is not self._record or now - before.as_of >= ANEW_EVERY:
            self._board = board_of(record, now, before)
            self._feed.tell(self._board)
        self._record = record
        rest = timedelta(seconds=(time.thread_time() - began) / SHARE)
        self._rests_until = now + min(max(rest, SHORTEST_REST), LONGEST_REST)


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
