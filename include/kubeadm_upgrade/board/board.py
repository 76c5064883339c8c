"""How a run stands: one pure function of what it has written down, and of the time."""

from __future__ import annotations

from datetime import datetime

from kubeadm_upgrade.board.record import RunRecord
from kubeadm_upgrade.board.view import Board, Progress, State


def board_of(record: RunRecord, now: datetime) -> Board:
    """The board of a run, as it is at `now`."""
    return Board(
        cluster=record.cluster,
        dag_id=record.dag_id,
        run_id=record.run_id,
        as_of=now,
        state=State.PLANNING,
        sentence="",
        progress=Progress(0, len(record.nodes)),
        next_run=record.next_run,
        started=record.started,
        ended=record.ended,
    )
