"""What has failed and what to do about it: the part of a sentence that somebody has to act on."""

from __future__ import annotations

from kubeadm_upgrade.board.cells import trouble_of
from kubeadm_upgrade.board.columns import title
from kubeadm_upgrade.board.rows import essential
from kubeadm_upgrade.board.sight import Failed, Sight
from kubeadm_upgrade.board.words import at, brief, capital
from kubeadm_upgrade.wording import count

_MOST_LETTERS = 160  # the cell has all of it


def fact(sight: Sight) -> str:
    """`demo-a-w5 failed at drain at 14:03 UTC: …`: of several, the first, since it mostly is the cause."""
    first, *others = sight.failures
    when = f" at {at(first.task.ended, sight.now)}" if first.task.ended else ""
    more = f" ({count(len(others), 'other')} failed after it)" if others else ""
    return f"{_who(first)}{when}{more}: {_gist(sight, first)}"


def remedy(sight: Sight) -> str:
    """An order of its own; "" where nobody has said one."""
    return capital(brief(trouble_of(sight.failures[0].task).do).rstrip("."))


def _who(failed: Failed) -> str:
    if failed.course is None:
        return f"The task {failed.task.task_id} failed"
    return f"{failed.course.name} failed at {title(failed.task.step)}"


def _gist(sight: Sight, failed: Failed) -> str:
    why = essential(failed.task, failed.course.name if failed.course else sight.record.cluster)
    return brief(why, _MOST_LETTERS).rstrip(".")
