"""The boards that somebody has open, kept in memory between two questions: one a run, whoever asks."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from kubeadm_airflow.pages import collector
from kubeadm_airflow.pages.calendars import calendar_of
from kubeadm_airflow.pages.feed import Answer, Feed
from kubeadm_airflow.pages.rest import Rest
from kubeadm_airflow.pages.run_record import RunReader
from kubeadm_upgrade.board.board import board_of
from kubeadm_upgrade.board.record import RunRecord
from kubeadm_upgrade.board.view import Board

# What is left is told in minutes, and goes on where nothing happens.
ANEW_EVERY = timedelta(seconds=20)
LONGEST_REST = 3.8  # seconds: whoever asks every two sees within four what was written
KEPT_FOR = 60  # seconds after somebody has asked
MOST_KEPT = 64  # one of 500 nodes takes megabytes


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
            if self._rest.is_over_for("the run"):
                with self._rest.after(), collector.paused():
                    self._look(session, datetime.now(UTC))
            if self._board is None:
                return None
            return self._feed.answer(self._board.as_of.isoformat(timespec="seconds"), seen)

    def _look(self, session: Session, now: datetime) -> None:
        record, before = self._reader.read(session, now), self._board
        if record is None:
            self._board = None
        elif before is None or record is not self._record or now - before.as_of >= ANEW_EVERY:
            self._board = board_of(record, now, before, calendar_of(record.cluster))
            self._feed.tell(self._board)
        self._record = record


class KeptBoards:
    """Those that were asked for a while ago at most: a page asks every ten seconds, if its run is over."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._boards: OrderedDict[tuple[str, str], tuple[float, KeptBoard]] = OrderedDict()
        self._lock = threading.Lock()
        self._clock = clock

    def __len__(self) -> int:
        return len(self._boards)

    def answer(self, session: Session, dag_id: str, run_id: str, seen: str | None) -> Answer | None:
        """What is new since the version `seen`; None where there is no such run, of which nothing is kept."""
        board = self._of(dag_id, run_id)
        answer = board.answer(session, seen)
        if answer is None:
            with self._lock:
                self._boards.pop((dag_id, run_id), None)
        return answer

    def _of(self, dag_id: str, run_id: str) -> KeptBoard:
        with self._lock:
            now, known = self._clock(), self._boards.pop((dag_id, run_id), None)
            board = known[1] if known else KeptBoard(dag_id, run_id)
            self._boards[dag_id, run_id] = (now, board)
            while len(self._boards) > MOST_KEPT or now - next(iter(self._boards.values()))[0] > KEPT_FOR:
                self._boards.popitem(last=False)
            return board
