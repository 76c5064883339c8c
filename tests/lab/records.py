"""What happened in a cluster, in order: commands, API mutations, changes of nodes, broken rules."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class CommandRecord:
    """A command a host was asked to run; ``exit_code`` is None while it runs."""

    time: float
    node: str
    command: str
    argv: tuple[str, ...]
    root: bool
    mutating: bool
    exit_code: int | None = None
    unit: str | None = None
    stdin: str | None = None


@dataclass(frozen=True)
class Sample:
    """A node as it is from ``time`` on; ``apiserver`` is None on workers."""

    time: float
    node: str
    ready: bool
    schedulable: bool
    kubelet: str
    apiserver: str | None = None


@dataclass(frozen=True)
class ApiRecord:
    """A mutating request that reached the API and what it was answered."""

    time: float
    user: str
    verb: str
    path: str
    status: int
    body: object = None


@dataclass(frozen=True)
class PodRecord:
    """Something that became of a Pod; ``budgets`` are (name, healthy, needed) right after it."""

    time: float
    namespace: str
    name: str
    uid: str
    node: str
    #: evicted, deleted: somebody asked for it; ended, killed: its kubelet is through with it, by itself or by force.
    what: str
    grace: float
    budgets: tuple[tuple[str, int, int], ...] = ()


@dataclass(frozen=True)
class HealthRecord:
    """Which apiservers and etcd members are down or do not answer from ``time`` on, as (node, component)."""

    time: float
    ailing: frozenset[tuple[str, str]]


@dataclass(frozen=True)
class PowerRecord:
    """A machine has lost its power, or has it again."""

    time: float
    node: str
    on: bool


Record = CommandRecord | Sample | ApiRecord | PodRecord | HealthRecord | PowerRecord


@dataclass
class Records:
    """The cluster's memory; written by the lab's loop only, read by anybody.

    ``listeners`` hear of each record at the moment when it is made, on that loop: of a command twice, since it begins
    and it ends.
    """

    commands: list[CommandRecord] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)
    mutations: list[ApiRecord] = field(default_factory=list)
    #: Requests that were to change nothing.
    dry_runs: list[ApiRecord] = field(default_factory=list)
    #: Pods, as namespace/name, for whose eviction a webhook has done something of its own.
    effects: list[str] = field(default_factory=list)
    pods: list[PodRecord] = field(default_factory=list)
    health: list[HealthRecord] = field(default_factory=list)
    power: list[PowerRecord] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    requests: int = 0  # to the API, of every kind
    listeners: list[Callable[[Record], None]] = field(default_factory=list)

    def open(self, record: CommandRecord) -> int:
        """Log a command that has started; the number is what ``close`` wants back."""
        self.commands.append(record)
        self._tell(record)
        return len(self.commands) - 1

    def close(self, number: int, record: CommandRecord) -> None:
        self.commands[number] = record
        self._tell(record)

    def mutated(self, record: ApiRecord) -> None:
        self.mutations.append(record)
        self._tell(record)

    def of_pod(self, record: PodRecord) -> None:
        self.pods.append(record)
        self._tell(record)

    def of_power(self, record: PowerRecord) -> None:
        self.power.append(record)
        self._tell(record)

    def of_health(self, ailing: frozenset[tuple[str, str]]) -> None:
        """Keep it if it is another than before."""
        if ailing != (self.health[-1].ailing if self.health else frozenset()):
            self.health.append(HealthRecord(now(), ailing))
            self._tell(self.health[-1])

    def violate(self, sentence: str) -> None:
        if sentence not in self.violations:
            self.violations.append(sentence)

    def sample(self, sample: Sample) -> None:
        """Keep a sample if it tells something new about its node."""
        last = next((kept for kept in reversed(self.samples) if kept.node == sample.node), None)
        if last is None or _without_time(last) != _without_time(sample):
            self.samples.append(sample)
            self._tell(sample)

    def _tell(self, record: Record) -> None:
        for listener in self.listeners:
            listener(record)


def _without_time(sample: Sample) -> tuple[object, ...]:
    return (sample.ready, sample.schedulable, sample.kubelet, sample.apiserver)


def now() -> float:
    return time.time()
