"""Nodes of a run that are still to come: what is evicted should not land on the next one to be drained.

They get a taint that the scheduler prefers to avoid, and nothing more: a Pod that fits nowhere else runs there all the
same. The first node that is out of service puts it on all that come after it. Each loses it with its own uncordon, and
whatever is left when a run ends, its report takes away.
https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kubeadm_upgrade.assignment import RunId
from kubeadm_upgrade.ledger.ledger import Ledger

TAINT = "kubeadm-fleet.io/to-be-upgraded"
EFFECT = "PreferNoSchedule"

Taint = Mapping[str, Any]


def is_ours(taint: Taint) -> bool:
    return taint.get("key") == TAINT


def is_marked(taints: Iterable[Taint]) -> bool:
    return any(map(is_ours, taints))


def with_taint(taints: Sequence[Taint]) -> list[Taint]:
    return [*without_taint(taints), {"key": TAINT, "effect": EFFECT}]


def without_taint(taints: Sequence[Taint]) -> list[Taint]:
    """None but what others have put there."""
    return [taint for taint in taints if not is_ours(taint)]


def comes_first(node: str, order: Sequence[str], ledger: Ledger, run: RunId) -> bool:
    """Whether it is this node's to mark the others: of several that are out of service, only one does."""
    out = [name for name in order if ledger.slot_of(name, run)] or order
    return bool(out) and out[0] == node


def to_be_marked(order: Sequence[str], ledger: Ledger, behind: Iterable[str], marked: Iterable[str]) -> tuple[str, ...]:
    """Of a run's workers, those that are behind its target, not out of service, and not marked yet."""
    waiting = set(behind) - ledger.slots.keys() - ledger.given_up.keys() - set(marked)
    return tuple(name for name in order if name in waiting)
