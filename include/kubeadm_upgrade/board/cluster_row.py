"""One cluster as one row of the fleet's page."""

from __future__ import annotations

from datetime import date, datetime

from kubeadm_upgrade.board.board import board_of
from kubeadm_upgrade.board.cluster_record import ClusterRecord
from kubeadm_upgrade.board.fleet_view import ClusterRow, LastRun, State
from kubeadm_upgrade.board.road import end_of_life, hops_left, is_behind
from kubeadm_upgrade.board.view import Board
from kubeadm_upgrade.board.view import State as RunState
from kubeadm_upgrade.board.words import brief, capital
from kubeadm_upgrade.releases.release import Releases
from kubeadm_upgrade.windows.calendar import NEVER_ENDS, Calendar
from kubeadm_upgrade.wording import agreeing, count, shortened

# What a run that is under way, or has ended badly, makes of its cluster.
_OF_A_RUN = {
    RunState.CLAIMING: State.WAITING,
    RunState.PLANNING: State.MOVING,
    RunState.MOVING: State.MOVING,
    RunState.WAITING: State.WAITING,
    RunState.PAUSED: State.PAUSED,
    RunState.NEEDS_PERSON: State.NEEDS_PERSON,
    RunState.ABORTED: State.NEEDS_PERSON,
    RunState.TO_BE_CONTINUED: State.TO_BE_CONTINUED,
    RunState.FAILED: State.FAILED,
}


def row_of(record: ClusterRecord, now: datetime, releases: Releases) -> ClusterRow:
    look, run = record.look, record.run
    board = board_of(run, now, calendar=record.calendar) if run else None
    window, until = _windows(record.calendar, now)
    end = end_of_life(record, releases)
    state, sentence = _how(record, board, end, now)
    return ClusterRow(
        name=record.name,
        dag_id=record.dag_id,
        state=state,
        sentence=sentence,
        labels=record.labels,
        version=look.version if look else None,
        worst_kubelet=look.worst_kubelet if look else None,
        end_of_life=end,
        days_left=(end - now.date()).days if end else None,
        target=record.target,
        hops_left=hops_left(record),
        progress=board.progress if board and run and not run.is_over else None,
        next_window=window,
        window_until=until,
        last_run=LastRun(run.run_id, run.state, run.started, run.ended) if run else None,
        report=record.report,
        board=record.board,
        looked_at=look.looked_at if look else None,
    )


def _windows(calendar: Calendar, now: datetime) -> tuple[datetime | None, datetime | None]:
    """When the next window opens, and until when the one under way is open. None of both without windows."""
    if calendar.is_always:
        return None, None
    coming = calendar.openings(now)
    first = next(coming, None)
    if first is None:
        return None, None
    if now not in first:
        return first.start, None
    following = next(coming, None)
    return following.start if following else None, None if first.end == NEVER_ENDS else first.end


def _how(record: ClusterRecord, board: Board | None, end: date | None, now: datetime) -> tuple[State, str]:
    if record.broken is not None:
        return State.BROKEN_FILE, f"Its file cannot be used: {brief(record.broken).rstrip('.')}."
    if board is not None and (state := _OF_A_RUN.get(board.state)) is not None:
        return state, board.sentence
    if record.unread is not None:
        return State.UNKNOWN, f"It could not be read: {brief(record.unread).rstrip('.')}."
    if record.look is None:
        return State.UNKNOWN, "Nobody has looked at it yet: start a dry run, which changes nothing."
    state, sentence = _at_rest(record, end, now)
    return State.AILING if record.look.not_ready else state, f"{sentence}.{_beside(record)}"


def _at_rest(record: ClusterRecord, end: date | None, now: datetime) -> tuple[State, str]:
    """Nothing is under way, and the last run has ended well."""
    support = f", supported until {end}" if end else ""
    if end is not None and end <= now.date():
        return State.END_OF_LIFE, f"{_runs(record)}, without fixes since {end}{_onward(record)}"
    if record.look is not None and record.look.paused is not None:
        return State.PAUSED, f"{_runs(record)}{support}; paused ({brief(record.look.paused)}): a run would wait"
    if is_behind(record):
        return State.BEHIND, f"{_runs(record)}{support}{_onward(record)}"
    return State.CURRENT, f"{_runs(record)}{support}" + (", where it is to be" if record.target else "")


def _runs(record: ClusterRecord) -> str:
    look = record.look
    version, worst = (look.version, look.worst_kubelet) if look else ("", None)
    lagging = f" with kubelets as old as {worst}" if worst and worst != version else ""
    return f"Runs {version}{lagging}"


def _onward(record: ClusterRecord) -> str:
    """Where it is to go."""
    if record.target is None:
        return ""
    if not is_behind(record):
        return f": its file asks for {record.target}, and for nothing newer"
    hops = hops_left(record)
    return f": {record.target} is {count(hops, 'hop')} away" if hops else f": it is to go to {record.target}"


def _beside(record: ClusterRecord) -> str:
    """What else was seen, and somebody may want to know."""
    look = record.look
    if look is None:
        return ""
    names = shortened(look.not_ready, 3)
    ailing = f" {names} {agreeing(look.not_ready, 'is', 'are')} not Ready." if names else ""
    return ailing + (f" {capital(look.holder)} holds it." if look.holder else "")
