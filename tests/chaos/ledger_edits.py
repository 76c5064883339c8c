"""What a person does to the ledger while a run is under way: by intent, by mistake, or because two are at it."""

from __future__ import annotations

import time
from collections.abc import Callable

import yaml

from chaos.evidence import FOREIGN_RUN, LEDGER
from chaos.points import Point
from chaos.scene import Scene

Data = dict[str, str]
Undo = Callable[[], None]

SOMEBODY = {"run": FOREIGN_RUN, "airflow": "https://elsewhere.example.org", "since": "2026-11-25T20:00:04+00:00"}
_LONG_ENOUGH = 4.0  # for whoever acts to look again


def edit_the_ledger(scene: Scene, point: Point) -> Undo:
    """Which edit it is, the dice say, of those that a person might make at that moment."""
    edits = [touch, pause, foreign_slot, garble, name_another_run]
    if point.moment.group == "workers" and point.moment.step in _OUT_OF_SERVICE:
        edits.append(take_slot_out)
    edit = scene.dice.choice(edits)
    scene.say(f"ledger: {edit.__name__}")
    return edit(scene, point)


_OUT_OF_SERVICE = ("drain_node", "upgrade_kubelet_and_kubectl", "restart_kubelet", "node_ready")


def touch(scene: Scene, _: Point) -> Undo:
    """Somebody writes to the object again and again: whoever has read it before is refused (resourceVersion)."""

    def again() -> None:
        for number in range(20):
            _annotate(scene, str(number))
            time.sleep(0.05)

    return again


def pause(scene: Scene, _: Point) -> Undo:
    """Nothing new begins until somebody resumes."""
    return _for_a_while(scene, "paused", "incident 4711\n")


def foreign_slot(scene: Scene, point: Point) -> Undo:
    """A worker is said to be out of service for somebody who does not exist."""
    other = next(name for name in scene.cluster.spec.worker_nodes if name != point.node)
    return _for_a_while(scene, f"out-of-service.{other}", yaml.safe_dump({"lane": "worker", **SOMEBODY}))


def garble(scene: Scene, _: Point) -> Undo:
    """Half a line was pasted into it."""
    return _for_a_while(scene, "holder", "run: [by-hand\n")


def name_another_run(scene: Scene, _: Point) -> Undo:
    """The cluster is somebody else's for a while (I8)."""
    return _for_a_while(scene, "holder", yaml.safe_dump(SOMEBODY), _LONG_ENOUGH)


def take_slot_out(scene: Scene, point: Point) -> Undo:
    """Whoever does that says that the node is well; it is not put back."""
    _edit(scene, lambda data: data.pop(f"out-of-service.{point.node}", None))
    return lambda: None


def _for_a_while(scene: Scene, key: str, text: str, least: float = 1.0) -> Undo:
    before: dict[str, str | None] = {}

    def write(data: Data) -> None:
        before[key] = data.get(key)
        data[key] = text

    def put_back(data: Data) -> None:
        data.pop(key, None)
        if (was := before.get(key)) is not None:
            data[key] = was

    _edit(scene, write)

    def undo() -> None:
        scene.pause(least, least + 1.5)
        _edit(scene, put_back)

    return undo


def _edit(scene: Scene, edit: Callable[[Data], object]) -> None:
    scene.cluster.change("ConfigMap", "kube-system", LEDGER, lambda item: edit(item.setdefault("data", {})))


def _annotate(scene: Scene, text: str) -> None:
    def edit(item: dict[str, dict[str, dict[str, str]]]) -> None:
        item["metadata"].setdefault("annotations", {})["touched"] = text

    scene.cluster.change("ConfigMap", "kube-system", LEDGER, edit)
