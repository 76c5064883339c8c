"""How a run stands, in a word."""

from __future__ import annotations

from datetime import datetime, timedelta

from kubeadm_upgrade import to_be_continued
from kubeadm_upgrade.board.course import AT_WORK, SETTLED
from kubeadm_upgrade.board.record import Waiting
from kubeadm_upgrade.board.rows import detail
from kubeadm_upgrade.board.sight import BEFORE, Sight
from kubeadm_upgrade.board.view import State
from kubeadm_upgrade.waits import Wait

PROVEN = ("Done and verified", "Rehearsed")  # the results of reports that keep what they promise

# A slot that nobody of this run holds comes back by itself soon, or somebody has to see to it.
PATIENCE = timedelta(minutes=15)


def state_of(sight: Sight) -> State:
    if sight.record.is_over:
        return _at_the_end(sight)
    if sight.failures or _needs_person(sight):
        return State.NEEDS_PERSON
    if sight.record.marks.aborted is not None:
        return State.ABORTED
    if pause_of(sight) is not None:
        return State.PAUSED
    return _on_the_way(sight)


def pause_of(sight: Sight) -> tuple[str, datetime | None] | None:
    """Why a run is paused, and since when; None where it is not, by what was written down last."""
    marks = sight.record.marks
    if sight.record.is_over:
        return None
    waits = sight.waits_of(Wait.PAUSE)
    if marks.paused is None and marks.at is not None:
        # whoever waits for its end looks a little later than whoever has written it down
        waits = tuple(one for one in waits if one.in_these_words_since > marks.at)
    if waits:
        return detail(waits[0]), waits[0].since
    if marks.paused is None:
        return None
    # whoever is at its turn would say that it is paused, if it still were
    later = [one for one in sight.waits_of(Wait.SLOT) if marks.at is not None and one.since > marks.at]
    return None if later else (marks.paused, marks.at)


def _at_the_end(sight: Sight) -> State:
    """Whatever Airflow calls the run: it is done once its report says so (invariant I11)."""
    if sight.record.marks.aborted is not None and sight.record.state == "failed":
        return State.ABORTED
    if _had_nothing_to_do(sight):
        return State.NOTHING_TO_DO
    if sight.record.state != "success" or not _has_reported(sight):
        return State.FAILED
    if sight.record.report is None:
        return State.UNPROVEN
    if sight.record.report.get("result") == to_be_continued.RESULT:
        return State.TO_BE_CONTINUED
    if sight.record.report.get("result") not in PROVEN:
        return State.FAILED
    return State.REHEARSED if sight.record.dry_run else State.DONE


def _had_nothing_to_do(sight: Sight) -> bool:
    """Not one that somebody has cleared later, so that it has claimed the cluster all the same."""
    claim = sight.task("claim")
    skipped = claim is not None and claim.state == "skipped"
    return sight.record.nothing_to_do is not None and sight.record.state == "success" and skipped


def _has_reported(sight: Sight) -> bool:
    """As far as tasks were asked for. Somebody may have marked it: what it has written decides."""
    task = sight.task("report")
    return not sight.record.tasks or (task is not None and task.state == "success")


def _needs_person(sight: Sight) -> bool:
    if sight.asking is not None:
        return True
    if sight.waits_of(Wait.CREDENTIALS) or sight.waits_of(Wait.FILE) or sight.waits_of(Wait.APPROVAL):
        return True
    return any(sight.now - one.since > PATIENCE for one in gates_that_stay_closed(sight))


def gates_that_stay_closed(sight: Sight) -> tuple[Waiting, ...]:
    """What the next node waits for, where nobody of this run is out of service who would make room."""
    return sight.waits_of(Wait.SLOT) if sight.nobody_is_out else ()


def moment_awaited(sight: Sight) -> Waiting | None:
    """What the next node waits for, where that is a window or the end of a soak and nobody else is under way."""
    waits = sight.waits_of(Wait.WINDOW, Wait.SOAK)
    return waits[0] if waits and sight.nobody_is_out else None


def _on_the_way(sight: Sight) -> State:
    before = {task.task_id: task for task in sight.run_tasks if task.task_id in BEFORE}
    if (due := before.get("due")) is not None and due.state in AT_WORK:
        return State.PLANNING
    if (claim := before.get("claim")) is None or claim.state not in SETTLED:
        return State.CLAIMING
    if sight.phase is None and any(task.state not in SETTLED for task in before.values()):
        return State.PLANNING
    states = {row.state for row in sight.under_way}
    waits = states == {"waiting"} or gates_that_stay_closed(sight) or moment_awaited(sight)
    return State.WAITING if waits else State.MOVING
