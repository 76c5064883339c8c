"""One upgrade of one cluster, and what is done to one component while it lasts."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from chaos.blows import BLOWS, collect
from chaos.components import Component
from chaos.evidence import FOREIGN_RUN, Evidence
from chaos.points import Point, cordoned_in
from chaos.recovery import Operator
from chaos.scene import Scene, Shared, asked
from chaos.witness import Watched, Witness
from lab import LabCluster

_PATIENCE = 3300.0
_LOOKS = 2.0
_JITTER = 0.2


@dataclass
class Told:
    """How a story went."""

    component: str
    cluster: str
    seed: str
    state: str = "not begun"
    seconds: float = 0.0
    played: list[Point] = field(default_factory=list)
    missed: list[Point] = field(default_factory=list)
    evidence: Evidence | None = None
    said: list[str] = field(default_factory=list)
    #: What the lab has written down, line by line.
    log: Path | None = None

    def __str__(self) -> str:
        went = f"{self.state} after {self.seconds:.0f} s, {len(self.played)} points, seed {self.seed}"
        return "\n".join((f"{self.component} on {self.cluster}: {went}; the lab's log is {self.log}", *self.said))


def play(shared: Shared, component: Component, name: str, points: Sequence[Point], seed: str) -> Told:
    """To its end: success, or whatever was there when patience was."""
    cluster, began = shared.site.cluster(name), time.monotonic()
    cordoned = cordoned_in(cluster.spec)
    cordon(cluster, cordoned)
    witness = Witness(cluster, points)
    dag_id, run_id = asked(lambda: shared.site.start(name))
    scene = Scene(shared, cluster, dag_id, run_id, random.Random(f"{seed} {component.name} {name}"))
    told = Told(component.name, name, seed, said=scene.said)
    try:
        told.state = _until_the_end(scene, witness, told)
    finally:
        told.seconds = time.monotonic() - began
        told.missed = [*(watched.point for watched in witness.waiting), *scene.owed]
        told.evidence = evidence_of(cluster, witness, cordoned, run_id)
        told.log = shared.airflow.home / f"{name}.log"
        told.log.write_text("\n".join(map(str, told.evidence.entries)))
    return told


def _until_the_end(scene: Scene, witness: Witness, told: Told) -> str:
    operator, deadline, looked = Operator(scene), time.monotonic() + _PATIENCE, 0.0
    while time.monotonic() < deadline and not scene.shared.over.is_set():
        collect(scene)
        if watched := witness.next(0.2):
            _strike(scene, witness, watched)
            told.played.append(watched.point)
        elif time.monotonic() - looked > _LOOKS:
            looked = time.monotonic()
            if state := operator.look():
                return state
    return f"not ended within {_PATIENCE:.0f} s"


def _strike(scene: Scene, witness: Witness, watched: Watched) -> None:
    """The blow falls while the network stalls; what the moment held goes on once things are put right."""
    scene.say(str(watched.point))
    scene.pause(0, _JITTER)
    try:
        recover = BLOWS[watched.point.component](scene, watched.point)
    finally:
        witness.let_go(watched, step=False)
    recover()
    scene.pause(0, _JITTER)
    witness.let_go(watched, step=True)


def cordon(cluster: LabCluster, node: str) -> None:
    """As a person has, long before: no annotation of ours is on it (I7)."""
    cluster.change("Node", None, node, lambda item: item["spec"].update(unschedulable=True))


def evidence_of(cluster: LabCluster, witness: Witness, cordoned: str, run_id: str) -> Evidence:
    spec = cluster.spec
    return Evidence(
        spec.control_plane_nodes,
        spec.worker_nodes,
        tuple(witness.entries),
        cordoned_before=frozenset({cordoned}),
        runs=(run_id,),
        edited_in=(FOREIGN_RUN,),
        broken_rules=tuple(cluster.violations),
    )
