"""Which taints of a node keep a Pod away, in the scheduler's words.

https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kubeadm_upgrade.drain.pod_object import UNSCHEDULABLE

Json = Mapping[str, Any]
_KEEPS_AWAY = ("NoSchedule", "NoExecute")


@dataclass(frozen=True)
class Taint:
    key: str
    effect: str
    value: str = ""

    def __str__(self) -> str:
        return f"{{{self.key}: {self.value}}}"


CORDON = Taint(UNSCHEDULABLE, "NoSchedule")


@dataclass(frozen=True)
class Toleration:
    """Empty means any."""

    key: str = ""
    operator: str = "Equal"
    value: str = ""
    effect: str = ""

    def covers(self, taint: Taint) -> bool:
        """An operator that is not known counts as covering: nothing is said of what was not understood."""
        if self.effect not in ("", taint.effect) or self.key not in ("", taint.key):
            return False
        return self.operator != "Equal" or (self.value == taint.value and bool(self.key))


def read_taints(listed: Iterable[Json] | None) -> tuple[Taint, ...]:
    return tuple(Taint(one["key"], one["effect"], str(one.get("value") or "")) for one in listed or ())


def read_tolerations(listed: Iterable[Json] | None) -> tuple[Toleration, ...]:
    return tuple(Toleration(*(str(one.get(name) or usual) for name, usual in _FIELDS.items())) for one in listed or ())


_FIELDS = {"key": "", "operator": "Equal", "value": "", "effect": ""}


def untolerated(taints: Iterable[Taint], tolerations: tuple[Toleration, ...]) -> Taint | None:
    """The first that keeps a Pod away."""
    hard = (taint for taint in taints if taint.effect in _KEEPS_AWAY)
    return next((taint for taint in hard if not any(one.covers(taint) for one in tolerations)), None)
