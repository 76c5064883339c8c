"""When each node was at which step, as outcomes tell it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from kubeadm_upgrade.waits import IDLE, Wait, seconds_by_kind

Json = Mapping[str, Any]


class Kind(StrEnum):
    """What a step's time is counted as in the picture."""

    PACKAGES = "packages"
    KUBEADM = "kubeadm"
    DRAIN = "drain"
    KUBELET = "kubelet"
    SETTLING = "settling"
    WAITING = "waiting"  # for a slot, a pause, somebody else; a turn that is yet to come is nothing that happens


_KINDS: Mapping[str, Kind] = {
    "switch_package_repository": Kind.PACKAGES,
    "stage_packages": Kind.PACKAGES,
    "stage_images": Kind.PACKAGES,
    "drain_node": Kind.DRAIN,
    "upgrade_kubelet_and_kubectl": Kind.KUBELET,
    "restart_kubelet": Kind.KUBELET,
    "node_ready": Kind.KUBELET,
    "uncordon_node": Kind.KUBELET,
    "control_plane_ready": Kind.SETTLING,
    "static_pods_ready": Kind.SETTLING,
    "next_in_line": Kind.WAITING,
    "admit": Kind.WAITING,
}


@dataclass(frozen=True)
class Span:
    """One step of one node. `waited` counts seconds by kind of wait."""

    node: str
    step: str
    began: datetime
    ended: datetime
    waited: Mapping[str, float]

    @property
    def seconds(self) -> float:
        return (self.ended - self.began).total_seconds()

    @property
    def idle(self) -> float:
        """Somebody else's time."""
        return sum(seconds for kind, seconds in self.waited.items() if kind in IDLE)

    @property
    def kind(self) -> Kind:
        return _KINDS.get(self.step, Kind.KUBEADM)

    @property
    def is_drawn(self) -> bool:
        """Not a wait for a turn: nothing happens to the node then."""
        return self.kind is not Kind.WAITING or self.waited.get(Wait.TURN, 0.0) < self.seconds / 2


def spans_of(outcomes: Iterable[Json]) -> tuple[Span, ...]:
    """In the order of the report. An outcome of an earlier release, which says no times, is left out."""
    return tuple(span for outcome in outcomes if (span := _span(outcome)) is not None)


def _span(outcome: Json) -> Span | None:
    began, ended = _time(outcome.get("began")), _time(outcome.get("ended"))
    if began is None or ended is None:
        return None
    waited = seconds_by_kind(outcome.get("waited"))
    return Span(str(outcome.get("node")), str(outcome.get("step")), began, max(began, ended), waited)


def _time(text: Any) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return time if time.tzinfo else None
