"""Rollouts over a cluster in memory: its workers in zones, and whoever watches in which order they are taken.

The watch knows the file and what happened; of the product's own judgement of groups it uses nothing.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from in_memory.airflow import Airflow, DagRun, wish_for
from in_memory.cluster import Cluster, Node
from kubeadm_upgrade.actions import Action, GiveSlotBack, Run, TakeSlot
from kubeadm_upgrade.assignment import Assignment, RunId
from kubeadm_upgrade.rollout.strategy import CANARY, REST, Group, Strategy
from kubeadm_upgrade.version import Version

ZONE = "zone"
TARGET = "1.31.9"
PATIENCE = 500  # steps in which nothing is written: some more than the longest soak takes


@dataclass
class Taken:
    """A worker that got its slot: when, and what stood then."""

    node: str
    group: str
    at: datetime
    out: frozenset[str]  # of its group, others with a slot
    not_done: frozenset[str]
    failed: frozenset[str]


@dataclass
class Rollout:
    """A run of one hop to a patch of the same minor release, with workers in zones, and what became of it."""

    zones: Sequence[str]  # of w1, w2, …
    strategy: Strategy
    max_unavailable: int = 1
    chance: int = 0
    workers_per_run: int | None = None
    failing: Sequence[int] = ()  # workers whose first unit fails as often as it is tried
    taken: list[Taken] = field(default_factory=list)
    back: dict[str, datetime] = field(default_factory=dict)
    mended: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.cluster = Cluster(
            1, len(self.zones), max_unavailable=self.max_unavailable, workers_per_run=self.workers_per_run
        )
        self.cluster.inventory = replace(self.cluster.inventory, strategy=self.strategy)
        for name, zone in zip(self.workers, self.zones, strict=True):
            self.cluster.nodes[name].labels = {ZONE: zone}
        self.airflow = Airflow(self.cluster, random.Random(self.chance))
        changed_ledger = self.cluster.watch.changed_ledger

        def watch(work: Assignment, action: Action | Any) -> None:
            changed_ledger(work, action)
            self._see(work, action)

        self.cluster.watch.changed_ledger = watch  # type: ignore[method-assign]

    @property
    def workers(self) -> list[str]:
        """Those that are there."""
        names = (f"w{number}" for number in range(1, len(self.zones) + 1))
        return [name for name in names if name in self.cluster.nodes]

    def run(self) -> DagRun:
        for number in self.failing:
            self.break_(f"w{1 + number % len(self.zones)}")
        return self.go_on(self.airflow.trigger(wish_for(TARGET)))

    def break_(self, name: str) -> None:
        """From its first unit on that is not of the group stage: until then nobody goes on to the workers."""
        node, stages = self.cluster.nodes[name], ("stage-packages", "stage-images")
        start = self.cluster.start

        def start_or_fail(on: Node, run: Run, by: RunId) -> None:
            if on is node and not str(run.unit).startswith(stages) and name not in self.mended:
                on.fail_next = 1
            start(on, run, by)

        self.cluster.start = start_or_fail  # type: ignore[method-assign]

    def go_on(self, run: DagRun) -> DagRun:
        """To the end of the last run that goes on after it."""
        self.airflow.run_to_its_end(run, PATIENCE)
        latest = self.airflow.runs[-1]
        return run if latest is run or not latest.live else self.go_on(latest)

    def begin(self, *nodes: str) -> DagRun:
        """A run up to the moment at which all of these have their slots, or are through with them."""
        run = self.airflow.trigger(wish_for(TARGET))
        while not set(nodes) <= set(self.order):
            assert self.airflow.step(run), f"{nodes} are not begun with: {run.where} {run.said}"
        return run

    def change(self, **changes: Any) -> None:
        """Somebody edits the rollout in the cluster's file."""
        self.strategy = replace(self.strategy, **changes)
        self.cluster.inventory = replace(self.cluster.inventory, strategy=self.strategy)

    @property
    def order(self) -> list[str]:
        return [one.node for one in self.taken]

    @property
    def cordoned(self) -> list[str]:
        return [name for name in self.workers if self.cluster.nodes[name].unschedulable]

    def group_of(self, node: str) -> str:
        canary = self.strategy.canary
        labels = self.cluster.nodes[node].labels
        groups = [canary] if canary else []
        found = (one for one in (*groups, *self.strategy.groups) if self._has(one, node, labels))
        return next((one.name for one in found), REST)

    def group(self, name: str) -> Group:
        groups: Mapping[str, Group] = {one.name: one for one in self.strategy.groups}
        return self.strategy.canary if name == CANARY and self.strategy.canary else groups.get(name, Group(REST))

    @staticmethod
    def _has(group: Group, node: str, labels: Mapping[str, str]) -> bool:
        return node in group.nodes or labels.get(ZONE) in group.selector.get(ZONE, ())

    def _see(self, work: Assignment, action: Action | Any) -> None:
        match action:
            case GiveSlotBack(node=node):
                self.back[node] = self.cluster.clock
            case TakeSlot(node=node) if node.startswith("w"):
                ledger, group = self.cluster.ledger, self.group_of(node)
                alike = {name for name in self.workers if self.group_of(name) == group}
                done = {name for name in self.workers if self._is_done(name)}
                self.taken.append(
                    Taken(
                        node,
                        group,
                        self.cluster.clock,
                        frozenset(ledger.slots) & alike - {node},
                        frozenset(self.workers) - done - {node},
                        frozenset(ledger.failed_nodes),
                    )
                )

    def _is_done(self, name: str) -> bool:
        return self.cluster.nodes[name].kubelet == Version.parse(TARGET) and name not in self.cluster.ledger.slots

    def soaked(self, group: str, until: datetime) -> bool:
        """Whether it was in service for its soak by then."""
        last = max((when for name, when in self.back.items() if self.group_of(name) == group), default=None)
        return last is None or until - last >= self.group(group).soak


def zone(name: str, *zones: str, **settings: Any) -> Group:
    return Group(name, {ZONE: zones or (name,)}, **settings)
