"""How a run stands: one pure function of what it has written down, and of the time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from kubeadm_upgrade.board.cells import cells_of
from kubeadm_upgrade.board.columns import groups
from kubeadm_upgrade.board.estimate import seconds_left
from kubeadm_upgrade.board.notes import notes_of
from kubeadm_upgrade.board.record import RunRecord
from kubeadm_upgrade.board.sentence import sentence_of
from kubeadm_upgrade.board.sight import Sight
from kubeadm_upgrade.board.stages import stages_of
from kubeadm_upgrade.board.state import state_of
from kubeadm_upgrade.board.steering import actions_of
from kubeadm_upgrade.board.view import Board, Cell, Progress, State
from kubeadm_upgrade.windows.calendar import ALWAYS, Calendar

# Nobody can tell how long a person takes.
_GOES_ON = (State.MOVING, State.WAITING)


def board_of(record: RunRecord, now: datetime, before: Board | None = None, calendar: Calendar = ALWAYS) -> Board:
    """The board of a run, as it is at `now`. `calendar` is the cluster's.

    From an earlier board it takes over the rows, as they are, of nodes whose tasks are the very same objects: of
    hundreds of nodes a few have moved since.
    """
    sight = Sight(record, now, {row.name: row for row in before.nodes} if before else {}, calendar)
    state = state_of(sight)
    left = seconds_left(sight) if state in _GOES_ON else None
    return Board(
        cluster=record.cluster,
        dag_id=record.dag_id,
        run_id=record.run_id,
        as_of=now,
        state=state,
        sentence=sentence_of(sight, state, left),
        progress=Progress(len(sight.in_state("done")), len(sight.control_plane) + len(sight.workers)),
        next_run=record.next_run,
        started=record.started,
        ended=record.ended,
        seconds_left=left,
        path=stages_of(record, done=state is State.DONE),
        findings=notes_of(record),
        groups=groups(),
        run_tasks=tuple(_of_the_run(sight)),
        nodes=sight.rows,
        actions=actions_of(sight, state),
    )


def _of_the_run(sight: Sight) -> Iterator[Cell]:
    """What only failed because something else has says nothing beside it."""
    causes = {failed.task.task_id for failed in sight.failures}
    for cell in cells_of(sight.record, sight.run_tasks):
        yield cell if cell.task in causes else replace(cell, failure=None)
