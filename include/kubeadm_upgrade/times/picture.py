"""Nodes by time, as one SVG for a page: what an hour went into is seen, not read.

No script and no style of its own: fills that can be told apart on white and on black, text in the page's colour, and a
class on everything for a page that wants it otherwise. Whatever nodes are called, they stay text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

from kubeadm_upgrade.board.words import lasting
from kubeadm_upgrade.times.folds import Row, busy_seconds, rows_of
from kubeadm_upgrade.times.scale import Scale
from kubeadm_upgrade.times.spans import Kind, Span, spans_of
from kubeadm_upgrade.waits import WORDS
from kubeadm_upgrade.wording import count

Json = Mapping[str, Any]

_WIDTH, _LABELS, _RIGHT = 960.0, 200.0, 110.0
_TOP, _ROW, _BAR, _LEGEND = 24.0, 18.0, 11.0, 36.0
_STRIPS = 150.0  # the most that nodes which are drawn together take
_LETTERS = 28

_FILLS: Mapping[Kind, str] = {
    Kind.PACKAGES: "#808080",
    Kind.KUBEADM: "#4e79a7",
    Kind.DRAIN: "#c8741a",
    Kind.KUBELET: "#3f9b5f",
    Kind.SETTLING: "#8e6bb0",
    Kind.WAITING: "none",
}
_MEANS: Mapping[Kind, str] = {
    Kind.PACKAGES: "packages",
    Kind.KUBEADM: "kubeadm",
    Kind.DRAIN: "drain",
    Kind.KUBELET: "kubelet",
    Kind.SETTLING: "settling",
    Kind.WAITING: "waiting for others",
}
_FAILED = "#d9363e"


def as_svg(report: Json) -> str:
    """The picture of a run; nothing where its report tells no times."""
    spans = [span for span in spans_of(report.get("outcomes") or ()) if span.is_drawn]
    return "".join(_Picture(report, spans).parts()) if spans else ""


class _Picture:
    def __init__(self, report: Json, spans: Sequence[Span]) -> None:
        self._spans: dict[str, list[Span]] = {}
        for span in spans:
            self._spans.setdefault(span.node, []).append(span)
        self._failed = dict(_failures(report))
        hop = report.get("hop") or {}
        planes = tuple(map(str, hop.get("control_plane") or ()))
        order = dict.fromkeys((*planes, *map(str, hop.get("workers") or ()), *self._spans))
        nodes = [node for node in order if node in self._spans]
        self._rows = rows_of(nodes, self._spans, {*planes, *self._failed})
        self._scale = Scale(((span.began, span.ended) for span in spans), _LABELS, _WIDTH - _RIGHT)

    def parts(self) -> Iterator[str]:
        """From back to front."""
        tops = list(self._tops())
        height = tops[-1] + _LEGEND
        label = escape(self._told(), quote=True)
        yield f'<svg class="nodes-by-time" viewBox="0 0 {_WIDTH:g} {height:g}" width="{_WIDTH:g}" role="img" '
        yield f'aria-label="{label}" font-size="11" fill="currentColor">'
        yield from self._axis(tops[-1])
        for row, top in zip(self._rows, tops, strict=False):
            yield _text(_shortened(row.nodes[0]), _LABELS - 8, top + 12, "end", row.label)
            if row.is_folded:
                yield _text(f"and {len(row.nodes) - 1:,} more", _LABELS - 8, top + 26, "end", faint=True)
            yield from self._strips(row, top) if row.is_folded else self._bars(row.nodes[0], top)
        yield from _legend(tops[-1] + 24)
        yield "</svg>"

    def _tops(self) -> Iterator[float]:
        """Of each row, and at last the bottom of all."""
        top = _TOP
        for row in self._rows:
            yield top
            top += max(2 * _ROW, _thickness(row) * len(row.nodes) + 4) if row.is_folded else _ROW
        yield top

    def _axis(self, bottom: float) -> Iterator[str]:
        for moment, x in self._scale.ticks():
            yield f'<path class="tick" d="M{x:.1f} 18V{bottom:g}" stroke="currentColor" stroke-opacity=".15"/>'
            yield _text(_clock(moment, self._scale), x, 12, "middle")
        for gap in self._scale.gaps:
            middle, left = (gap.left + gap.right) / 2, lasting((gap.ended - gap.began).total_seconds())
            yield f'<path class="gap" d="M{middle:.1f} 18V{bottom:g}" stroke="currentColor" stroke-dasharray="2 4"/>'
            yield _text(left, middle, bottom + 2, "middle", f"nobody was at work for {left}")

    def _bars(self, node: str, top: float) -> Iterator[str]:
        spans = self._spans[node]
        for span in spans:
            x, width = self._place(span)
            y, height = (top + 7, 2.0) if span.kind is Kind.WAITING else (top + 3, _BAR)
            fill = "currentColor" if span.kind is Kind.WAITING else _FILLS[span.kind]
            faint = ' fill-opacity=".4"' if span.kind is Kind.WAITING else ""
            yield f'<rect class="{span.kind}" x="{x:.1f}" y="{y:g}" width="{width:.1f}" height="{height:g}" '
            yield f'fill="{fill}"{faint}><title>{_plain(_story(span))}</title></rect>'
        end = max(self._scale.x(span.ended) for span in spans) + 5
        if task := self._failed.get(node):
            yield _text(f"✗ {task}", end, top + 12, "start", fill=_FAILED)
        else:
            yield _text(lasting(busy_seconds(spans)), end, top + 12, "start", faint=True)

    def _strips(self, row: Row, top: float) -> Iterator[str]:
        """One path a kind: a picture of five hundred nodes stays small."""
        thick = _thickness(row)
        drawn: dict[Kind, list[str]] = {}
        for index, node in enumerate(row.nodes):
            for span in self._spans[node]:
                if span.kind is not Kind.WAITING:
                    x, width = self._place(span)
                    drawn.setdefault(span.kind, []).append(f"M{x:.1f} {top + 2 + index * thick:.1f}h{width:.1f}")
        for kind, lines in drawn.items():
            path = "".join(lines)
            yield f'<path class="{kind}" d="{path}" stroke="{_FILLS[kind]}" stroke-width="{thick:.2f}" fill="none"/>'

    def _place(self, span: Span) -> tuple[float, float]:
        x = self._scale.x(span.began)
        return x, max(0.8, self._scale.x(span.ended) - x)

    def _told(self) -> str:
        """For whoever does not see it."""
        longest = max(self._spans, key=lambda node: busy_seconds(self._spans[node]))
        took = lasting(busy_seconds(self._spans[longest]))
        between = f"{_clock(self._scale.began)} to {_clock(self._scale.ended)} UTC"
        return f"{count(len(self._spans), 'node')} by time, {between}. The longest was {_plain(longest)}: {took}."


def _failures(report: Json) -> Iterator[tuple[str, str]]:
    for task in report.get("unfinished") or ():
        if task.get("state") == "failed" and task.get("node"):
            yield str(task["node"]), str(task.get("task", "")).rpartition(".")[2]


def _thickness(row: Row) -> float:
    return min(3.0, _STRIPS / len(row.nodes))


def _story(span: Span) -> str:
    times = f"{_clock(span.began)} to {_clock(span.ended)} UTC, {lasting(span.seconds)}"
    waits = "".join(
        f"; waited {WORDS.get(kind, kind)} {lasting(seconds)}" for kind, seconds in span.waited.items() if seconds >= 1
    )
    return f"{span.node}: {span.step} {times}{waits}"


def _legend(y: float) -> Iterator[str]:
    x = _LABELS
    for kind, meaning in _MEANS.items():
        if kind is Kind.WAITING:
            yield f'<rect class="{kind}" x="{x:g}" y="{y - 5:g}" width="10" height="2" fill-opacity=".4"/>'
        else:
            yield f'<rect class="{kind}" x="{x:g}" y="{y - 9:g}" width="10" height="10" fill="{_FILLS[kind]}"/>'
        yield _text(meaning, x + 15, y, "start")
        x += 15 + 7 * len(meaning) + 16


def _text(text: str, x: float, y: float, anchor: str, title: str = "", *, fill: str = "", faint: bool = False) -> str:
    hint = f"<title>{_plain(title)}</title>" if title and title != text else ""
    look = (f' fill="{fill}"' if fill else "") + (' fill-opacity=".75"' if faint else "")
    return f'<text x="{x:.1f}" y="{y:g}" text-anchor="{anchor}"{look}>{_plain(text)}{hint}</text>'


def _plain(text: str) -> str:
    """As text of HTML; what no screen shows is no letter of it."""
    return escape("".join(letter if letter.isprintable() else "\ufffd" for letter in text))


def _shortened(label: str) -> str:
    return label if len(label) <= _LETTERS else f"{label[: _LETTERS - 1]}…"


def _clock(moment: datetime, scale: Scale | None = None) -> str:
    """With seconds where minutes would say the same twice; with its day where there are several."""
    moment = moment.astimezone(UTC)
    if scale is not None and (scale.ended - scale.began).total_seconds() < 600:
        return f"{moment:%H:%M:%S}"
    if scale is not None and scale.began.astimezone(UTC).date() != scale.ended.astimezone(UTC).date():
        return f"{moment.day} {moment:%b %H:%M}"
    return f"{moment:%H:%M}"
