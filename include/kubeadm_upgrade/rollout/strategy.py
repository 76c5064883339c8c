"""What a cluster's file says of a rollout, as values: a canary, groups, pauses, and how many may fail."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

CANARY, REST = "canary", "rest"  # names that no group of a file may have
Most = int | str  # a count, or a percentage such as `25%`
Selector = Mapping[str, tuple[str, ...]]  # label -> the values that it may have


@dataclass(frozen=True)
class Group:
    """Workers that move together: whom it takes, how many of them at a time, after which others, and what then."""

    name: str
    selector: Selector = field(default_factory=dict)
    nodes: tuple[str, ...] = ()  # by name
    max_unavailable: Most | None = None  # None: as many as of all workers
    depends_on: tuple[str, ...] = ()
    soak: timedelta = timedelta()  # from its last node back in service to the first one of others

    def takes(self, node: str, labels: Mapping[str, str]) -> bool:
        """By its name, or by all labels of the selector."""
        chosen = bool(self.selector) and all(labels.get(key) in values for key, values in self.selector.items())
        return node in self.nodes or chosen

    @property
    def who(self) -> str:
        """Whom it takes, in a line."""
        return ", ".join((*self.nodes, *(f"{key}={'|'.join(values)}" for key, values in sorted(self.selector.items()))))


@dataclass(frozen=True)
class Query:
    """In PromQL, asked over an Airflow connection of type http."""

    conn_id: str
    expr: str


@dataclass(frozen=True)
class Health:
    """What is to be well before one more worker goes out of service, beside nodes and control plane."""

    daemon_sets: bool = False  # of kube-system
    workloads: bool = False
    query: Query | None = None


@dataclass(frozen=True)
class Strategy:
    """How a rollout goes. Without a canary and groups all workers are one group."""

    canary: Group | None = None
    groups: tuple[Group, ...] = ()
    groups_at_once: int = 1
    max_failed: Most = 0  # of the workers of a run
    health: Health = Health()
    ready_for: timedelta = timedelta()  # how long a node is to be Ready before it counts

    @property
    def labels(self) -> frozenset[str]:
        """The labels that matter to it."""
        return frozenset(key for group in (self.canary, *self.groups) if group for key in group.selector)

    def failures_allowed(self, workers: int) -> int:
        """Of so many workers of a run; one more, and it halts."""
        return counted(self.max_failed, workers)


ALL_ALIKE = Strategy()


def counted(most: Most, of: int) -> int:
    """A count, or a percentage rounded as Kubernetes rounds maxUnavailable: down.

    https://kubernetes.io/docs/concepts/workloads/controllers/deployment/#max-unavailable
    """
    return math.floor(int(most.removesuffix("%")) * of / 100) if isinstance(most, str) else most
