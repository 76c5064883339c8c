"""What holds a run up, of all that was written down about its cluster."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from kubeadm_upgrade.board.record import Marks

_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def marks_of(run_id: str, seen: Iterable[Marks]) -> Marks:
    """The newest of each kind: a pause is the cluster's; what was given up or aborted ends with its run."""
    newest_first = sorted(seen, key=lambda marks: marks.at or _LONG_AGO, reverse=True)
    newest = next(iter(newest_first), Marks())
    own = next((marks for marks in newest_first if marks.run == run_id), Marks())
    return Marks(newest.paused, own.aborted, own.given_up, newest.at, own.run) if newest.paused or own.run else Marks()
