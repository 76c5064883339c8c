"""What processes have spent, by Linux's own books."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.airflow import COMPONENTS, AirflowInstance
from harness.postgres import postgres, why_not
from lab import Latency

#: Kubelets and controllers as real ones are: five hundred that post five times a second, and a hundred that renew their
#: leases twenty times, would take both cores for themselves.
REAL_HEARTBEATS = Latency(heartbeat=10.0, node_grace=40.0, controllers_return=2.0)


@contextmanager
def many_at_once(**settings: str) -> Iterator[dict[str, str]]:
    """The environment of an Airflow that has much to do: a database that many write to, where there is one."""
    if reason := why_not():
        print(f"\nwith SQLite, which is none for many: {reason}")
        yield {**PARALLELISM, **settings}
        return
    with postgres() as url:
        yield {**PARALLELISM, **settings, "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": url}


#: Tasks at a time, as Airflow has it by default. Each round of the scheduler starts at most so many, and with so many
#: runs a round takes seconds.
PARALLELISM = {"AIRFLOW__CORE__PARALLELISM": "32"}

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Spent:
    """CPU-seconds of each component of Airflow and all that it has started: tasks are the scheduler's."""

    by_component: dict[str, float]

    @classmethod
    def now(cls, airflow: AirflowInstance) -> Spent:
        return cls({name: sum(map(_cpu, _family(airflow.pid(name)))) for name in COMPONENTS})

    def since(self, before: Spent) -> Spent:
        return Spent({name: spent - before.by_component[name] for name, spent in self.by_component.items()})

    @property
    def total(self) -> float:
        return sum(self.by_component.values())

    def __str__(self) -> str:
        return ", ".join(f"{name} {spent:.0f}" for name, spent in self.by_component.items())


def by_lab() -> float:
    """CPU-seconds of this process so far: the simulated clusters share the cores with what is measured."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def most_memory(pids: Iterable[int]) -> float:
    """MiB: the most that any of these processes has held at a time."""
    return max((_peak(pid) for pid in pids), default=0.0)


def family_of(airflow: AirflowInstance, name: str) -> list[int]:
    return _family(airflow.pid(name))


def _family(pid: int) -> list[int]:
    """A process and all below it that are alive."""
    found = [pid]
    for child in _children(pid):
        found += _family(child)
    return found


def _children(pid: int) -> list[int]:
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        return [int(child) for one in threads for child in (one / "children").read_text().split()]
    except OSError:
        return []


def _cpu(pid: int) -> float:
    """Its own, and that of its children that have ended and were waited for."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / _TICKS


def _peak(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), 0.0)
