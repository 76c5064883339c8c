"""Who is at work and who waits, as parts of a run's sentence."""

from __future__ import annotations

from collections.abc import Sequence

from kubeadm_upgrade.board.rows import detail, waited_for
from kubeadm_upgrade.board.sight import Sight
from kubeadm_upgrade.board.view import Row
from kubeadm_upgrade.board.words import at
from kubeadm_upgrade.waits import WORDS, Wait
from kubeadm_upgrade.wording import count

_NAMED = 2


def at_work(sight: Sight) -> str:
    """`w5 has waited for Pods to go since 14:03 UTC (shop/db-0), w6 is being drained`."""
    rows, more = sight.under_way[:_NAMED], len(sight.under_way) - _NAMED
    if sight.phase == "stage" and more > 0:
        return f"{len(sight.under_way):,} fetch theirs"
    told = [_told(sight, row) for row in rows]
    return ", ".join([*told, f"{count(more, 'more node')} under way"] if more > 0 else told)


def finished_first(sight: Sight) -> str:
    """Of a run that takes nothing new up."""
    names = _names(sight.under_way)
    return f"{names} {_is(sight.under_way)} finished first" if names else "no node is out of service"


def go_on(sight: Sight) -> str:
    """Beside a failure."""
    if sight.under_way:
        return f"{_names(sight.under_way)} {'goes' if len(sight.under_way) == 1 else 'go'} on"
    queued = sight.in_state("queued")
    return f"{count(len(queued), 'other')} {'waits' if len(queued) == 1 else 'wait'} until then" if queued else ""


def _told(sight: Sight, row: Row) -> str:
    course = sight.course_of(row.name)
    waits = waited_for(course.current) if course.current else None
    if waits is None or waits.kind == Wait.COMMAND:
        return f"{row.name} {row.sentence}".strip()
    since, told = at(waits.since, sight.now), detail(waits)
    if told and waits.reason_since:
        told = f"{told} since {at(waits.reason_since, sight.now)}"
    return f"{row.name} has waited {WORDS.get(waits.kind, '')} since {since}".replace("  ", " ") + (
        f" ({told})" if told else ""
    )


def _names(rows: Sequence[Row]) -> str:
    names, more = [row.name for row in rows[:_NAMED]], len(rows) - _NAMED
    if more > 0:
        return f"{', '.join(names)} and {count(more, 'more node')}"
    return " and ".join(names)


def _is(rows: Sequence[Row]) -> str:
    return "is" if len(rows) == 1 else "are"
