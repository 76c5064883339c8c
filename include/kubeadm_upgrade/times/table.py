"""Where the time went, as a small table of a report: how long each step took, on which node longest, and waiting."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import median
from typing import Any

from kubeadm_upgrade.board.words import lasting
from kubeadm_upgrade.procedure import GROUPS
from kubeadm_upgrade.times.spans import Span, spans_of
from kubeadm_upgrade.waits import IDLE, WORDS, Wait

Json = Mapping[str, Any]

# the others are the step's own work
_WORTH_TELLING = {*IDLE, Wait.PODS, Wait.ANSWER, Wait.HEALTH}
_HEAD = ("| Step | Nodes | Median | Longest | Waited |", "| --- | --- | --- | --- | --- |")


def as_markdown(outcomes: Iterable[Json]) -> str:
    """Nothing where no outcome tells times. Steps that had nothing to do are left out."""
    by_step: dict[str, list[Span]] = defaultdict(list)
    for span in spans_of(outcome for outcome in outcomes if outcome.get("status") == "changed"):
        by_step[span.step].append(span)
    rows = [_row(step, by_step[step]) for step in _order(by_step)]
    return "\n".join(("## Where the time went", "", *_HEAD, *rows)) if rows else ""


def _order(steps: Iterable[str]) -> Iterator[str]:
    """As nodes go through them; what is no step of ours any more comes last."""
    known = dict.fromkeys(step.name for group in GROUPS.values() for step in group)
    there = list(steps)
    yield from (name for name in known if name in there)
    yield from (name for name in there if name not in known)


def _row(step: str, spans: Sequence[Span]) -> str:
    longest = max(spans, key=_own)
    usual = lasting(median(map(_own, spans)))
    return f"| {step} | {len(spans)} | {usual} | {longest.node}: {lasting(_own(longest))} | {_waited(spans)} |"


def _own(span: Span) -> float:
    """Without somebody else's time."""
    return max(0.0, span.seconds - span.idle)


def _waited(spans: Sequence[Span]) -> str:
    """What was waited for, all nodes together, the longest first; not what is merely the step's own work."""
    total: dict[str, float] = defaultdict(float)
    for span in spans:
        for kind in _WORTH_TELLING & span.waited.keys():
            total[kind] += span.waited[kind]
    told = sorted(total.items(), key=lambda one: -one[1])
    return ", ".join(f"{WORDS[kind]} {lasting(seconds)}" for kind, seconds in told if seconds >= 1)
