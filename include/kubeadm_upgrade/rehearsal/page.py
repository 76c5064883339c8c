"""A rehearsal as a part of a page, and as lines of a log or a terminal."""

from __future__ import annotations

from collections.abc import Iterator

from kubeadm_upgrade.board.words import capital
from kubeadm_upgrade.rehearsal.finding import HEADS, Rehearsal

_MOST = 12  # of a kind


def as_markdown(rehearsal: Rehearsal) -> str:
    """A section of the plan's page."""
    return "\n".join(("## Drains, rehearsed", "", f"{capital(rehearsal.summary)}. {_ESTIMATE}", *_lists(rehearsal)))


_ESTIMATE = "It is an estimate of what a drain would meet now: Pods move, and are moved."


def _lists(rehearsal: Rehearsal) -> Iterator[str]:
    for kind, head in HEADS.items():
        yield from _list(head, [str(one) for one in rehearsal.found if one.kind is kind])
    yield from _list("Not known", list(rehearsal.unknown))
    yield from _list("Not judged", list(rehearsal.unjudged))


def _list(head: str, sentences: list[str]) -> Iterator[str]:
    if not sentences:
        return
    yield from ("", f"{head}:", "")
    yield from (f"- {sentence}" for sentence in sentences[:_MOST])
    if (more := len(sentences) - _MOST) > 0:
        yield f"- and {more:,} more"


def lines(rehearsal: Rehearsal) -> Iterator[str]:
    """All of it, a line each."""
    for one in rehearsal.found:
        yield f"{one.kind}: {one}"
    yield from (f"not known: {sentence}" for sentence in rehearsal.unknown)
    yield from (f"not judged: {sentence}" for sentence in rehearsal.unjudged)
    yield rehearsal.summary
