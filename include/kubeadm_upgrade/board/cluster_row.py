"""One cluster as one row of the fleet's page."""

from __future__ import annotations

from datetime import date, datetime

from kubeadm_upgrade.board.board import board_of
from kubeadm_upgrade.board.cluster_record import ClusterRecord
from kubeadm_upgrade.board.fleet_view import ClusterRow, LastRun, State
from kubeadm_upgrade.board.view import Board
from kubeadm_upgrade.board.view import State as RunState
from kubeadm_upgrade.releases.release import Releases
from kubeadm_upgrade.version import TargetVersion, Version
from kubeadm_upgrade.wording import count

# What a run that is under way, or has ended badly, makes of its cluster.
_OF_A_RUN = {
    RunState.CLAIMING: State.WAITING,
    RunState.PLANNING: State.MOVING,
    RunState.MOVING: State.MOVING,
    RunState.WAITING: State.WAITING,
    RunState.PAUSED: State.PAUSED,
    RunState.NEEDS_PERSON: State.NEEDS_PERSON,
    RunState.ABORTED: State.NEEDS_PERSON,
    RunState.FAILED: State.FAILED,
}


def row_of(record: ClusterRecord, now: datetime, releases: Releases) -> ClusterRow:
    look, run = record.look, record.run
    board = board_of(run, now) if run else None
    end = _end_of_life(record, releases)
    state, sentence = _how(record, board, end, now)
    return ClusterRow(
        name=record.name,
        dag_id=record.dag_id,
        state=state,
        sentence=sentence,
        labels=record.labels,
        version=look.version if look else None,
        worst_kubelet=_worst_kubelet(record),
        end_of_life=end,
        days_left=(end - now.date()).days if end else None,
        target=record.target,
        hops_left=look.hops_left if look else None,
        progress=board.progress if board and run and not run.is_over else None,
        last_run=LastRun(run.run_id, run.state, run.started, run.ended) if run else None,
        report=record.report,
        board=record.board,
        looked_at=look.at if look else None,
    )


def _how(record: ClusterRecord, board: Board | None, end: date | None, now: datetime) -> tuple[State, str]:
    if record.broken is not None:
        return State.BROKEN_FILE, _full_stop(f"Its file cannot be used: {record.broken}")
    if board is not None and (state := _OF_A_RUN.get(board.state)) is not None:
        return state, board.sentence
    if record.look is None:
        return State.UNKNOWN, "Nobody has looked at it yet: start a dry run, which changes nothing."
    return _at_rest(record, end, now)


def _at_rest(record: ClusterRecord, end: date | None, now: datetime) -> tuple[State, str]:
    """Nothing is under way, and the last run has ended well."""
    runs = _runs(record)
    if end is not None and end <= now.date():
        return State.END_OF_LIFE, f"{runs}, which has had no fixes since {end}{_onward(record)}."
    support = f", supported until {end}" if end else ""
    if _is_behind(record):
        return State.BEHIND, f"{runs}{support}{_onward(record)}."
    return State.CURRENT, f"{runs}{support}: where it is to be."


def _runs(record: ClusterRecord) -> str:
    version, worst = record.look.version if record.look else "", _worst_kubelet(record)
    lagging = f" with kubelets as old as {worst}" if worst and worst != version else ""
    return f"Runs {version}{lagging}"


def _onward(record: ClusterRecord) -> str:
    """Where it is to go; nothing where it is there."""
    if not _is_behind(record):
        return "" if record.target is None else ": its file asks for nothing newer"
    hops = record.look.hops_left if record.look else None
    return f": {record.target} is {count(hops, 'hop')} away" if hops else f": it is to go to {record.target}"


def _is_behind(record: ClusterRecord) -> bool:
    """Whether the control plane or any kubelet is older than the file asks for.

    An exact patch is meant as it is written; of a minor release any patch will do here, since what the newest one is
    only a look at the repositories knows: that is in the hops that were planned.
    """
    if record.look is None or record.target is None:
        return False
    try:
        target = TargetVersion.parse(record.target)
        found = [Version.parse(text) for text in (record.look.version, *(node.kubelet for node in record.look.nodes))]
    except ValueError:
        return False
    return any(
        (one.major, one.minor, one.patch) < (target.major, target.minor, target.patch or 0) for one in found
    ) or (bool(record.look.hops_left))


def _worst_kubelet(record: ClusterRecord) -> str | None:
    found = [version for node in (record.look.nodes if record.look else ()) if (version := _version(node.kubelet))]
    return str(min(found)) if found else None


def _end_of_life(record: ClusterRecord, releases: Releases) -> date | None:
    """Of the oldest thing that runs: a kubelet that was left behind gets no fixes either."""
    texts = [record.look.version, *(node.kubelet for node in record.look.nodes)] if record.look else []
    minors = {version.minor for text in texts if (version := _version(text))}
    return min((releases.of(minor).support.end_of_life for minor in minors if minor in releases), default=None)


def _version(text: str) -> Version | None:
    try:
        return Version.parse(text)
    except ValueError:
        return None


def _full_stop(text: str) -> str:
    return text if text.endswith((".", "…")) else f"{text}."
