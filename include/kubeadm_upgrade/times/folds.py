"""Which nodes have a row of their own in a picture, and which are drawn together, each as one thin line."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from kubeadm_upgrade.times.spans import Span

ROWS_READ = 40  # as many as one reads
SLOWEST_SHOWN = 12
_FEW = 3  # that many are not worth folding


@dataclass(frozen=True)
class Row:
    """A node, or several that are like each other."""

    nodes: tuple[str, ...]

    @property
    def is_folded(self) -> bool:
        return len(self.nodes) > 1

    @property
    def label(self) -> str:
        if not self.is_folded:
            return self.nodes[0]
        return f"{self.nodes[0]} … {self.nodes[-1]}, {len(self.nodes):,} nodes"


def rows_of(nodes: Sequence[str], spans: Mapping[str, Sequence[Span]], notable: Container[str]) -> tuple[Row, ...]:
    """In the order of the nodes. Of many, those that are notable or were slow stand for themselves."""
    if len(nodes) <= ROWS_READ:
        return tuple(Row((node,)) for node in nodes)
    by_length = sorted(nodes, key=lambda node: busy_seconds(spans.get(node, ())), reverse=True)
    slow = set(by_length[:SLOWEST_SHOWN])
    found: list[Row] = []
    for alone, some in groupby(nodes, key=lambda node: node in notable or node in slow):
        names = tuple(some)
        found += [Row((name,)) for name in names] if alone or len(names) <= _FEW else [Row(names)]
    return tuple(found)


def busy_seconds(spans: Sequence[Span]) -> float:
    """How long a node was at something, without somebody else's time."""
    return sum(max(0.0, span.seconds - span.idle) for span in spans)
