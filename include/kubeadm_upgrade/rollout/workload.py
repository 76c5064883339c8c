"""Deployments, StatefulSets and DaemonSets as the API counts their Pods."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kubeadm_upgrade.reading import name_of, reading

DAEMON_SET = "DaemonSet"


@dataclass(frozen=True)
class Workload:
    """One of them, by the Pods that it wants and has."""

    kind: str
    namespace: str
    name: str
    wanted: int
    available: int
    updated: int | None = None  # of the newest revision; None where nobody but a person rolls it out (OnDelete)
    observed: bool = True  # whether its controller has seen what it is to be

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}"

    @property
    def told(self) -> str:
        return f"{self} has {self.available} of {self.wanted}"

    def is_well(self, out: int) -> bool:
        """`out`: nodes that are out of service, on which no DaemonSet can have a Pod that is Ready."""
        return self.available >= self.wanted - (out if self.kind == DAEMON_SET else 0)

    def is_rolled(self, out: int) -> bool:
        return self.observed and self.is_well(out) and (self.updated is None or self.updated >= self.wanted - out)


def read_workload(item: Mapping[str, Any], kind: str) -> Workload:
    """An item of a list: the API does not say its kind there."""
    with reading(f"{kind} {name_of(item)}"):
        meta, spec, status = item["metadata"], item.get("spec") or {}, item.get("status") or {}
        daemon = kind == DAEMON_SET
        by_hand = (spec.get("updateStrategy") or {}).get("type") == "OnDelete"
        ready = status.get("numberReady" if daemon else "readyReplicas") or 0
        return Workload(
            kind,
            meta["namespace"],
            meta["name"],
            wanted=status.get("desiredNumberScheduled", 0) if daemon else spec.get("replicas", 1),
            available=(status.get("numberAvailable") or 0) if daemon else status.get("availableReplicas", ready) or 0,
            updated=None if by_hand or not daemon else status.get("updatedNumberScheduled") or 0,
            observed=(status.get("observedGeneration") or 0) >= meta.get("generation", 0),
        )


def unwell(workloads: Iterable[Workload], out: int) -> tuple[str, ...]:
    return tuple(sorted(str(one) for one in workloads if not one.is_well(out)))
