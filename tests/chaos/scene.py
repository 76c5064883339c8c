"""What a story plays on: one cluster's run, and the Airflow that several stories share."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

import httpx

from chaos.points import Point
from harness.airflow import AirflowInstance
from harness.rest import ApiError, TaskInstance
from harness.site import Site
from lab import LabCluster

T = TypeVar("T")
_PATIENCE = 180.0


@dataclass
class Shared:
    """Of the Airflow, only one component is killed and started at a time: a person has two hands."""

    site: Site
    hands: threading.Lock = field(default_factory=threading.Lock)
    #: Whoever plays has gone, and no story is to go on.
    over: threading.Event = field(default_factory=threading.Event)

    @property
    def airflow(self) -> AirflowInstance:
        return self.site.airflow


@dataclass
class Scene:
    """One cluster, its run, and the dice of its story."""

    shared: Shared
    cluster: LabCluster
    dag_id: str
    run_id: str
    dice: random.Random
    said: list[str] = field(default_factory=list)
    #: Blows upon a process that have come while there was none.
    owed: list[Point] = field(default_factory=list)

    def say(self, what: str) -> None:
        """For whoever reads why a story failed; and at once into a file, for whoever waits for its end."""
        line = f"{time.strftime('%H:%M:%S', time.gmtime())} {what}"
        self.said.append(line)
        with (self.shared.airflow.home / "stories.log").open("a") as log:
            log.write(f"{self.cluster.name}: {line}\n")

    def tasks(self, *states: str) -> list[TaskInstance]:
        return asked(lambda: self.shared.site.api.task_instances(self.dag_id, self.run_id, *states))

    def pause(self, least: float, most: float) -> None:
        time.sleep(self.dice.uniform(least, most))


def asked(question: Callable[[], T]) -> T:
    """Airflow's API server may be away, since somebody has killed it: asked again until it is there."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return question()
        except (httpx.TransportError, ApiError) as error:
            away = isinstance(error, httpx.TransportError) or error.status >= 500
            if not away or time.monotonic() > deadline:
                raise
            time.sleep(0.3)
