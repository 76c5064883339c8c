"""How each component is struck, and put right again as an operator would. The network of the cluster stalls meanwhile:
`strike` falls while it does, `recover` follows once packets get through.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence

import psutil

from chaos import components
from chaos.ledger_edits import edit_the_ledger
from chaos.points import Point
from chaos.scene import Scene
from harness.airflow import API_SERVER, COMPONENTS, SCHEDULER, TRIGGERER, AirflowInstance

#: What is to be done once the blow has fallen and packets get through again.
Recovery = Callable[[], None]
Blow = Callable[[Scene, Point], Recovery]

_LOOKS = 0.05
_APPEARS = 180.0
_STARTS = 300.0


def kill_the_task(scene: Scene, point: Point) -> Recovery:
    """The process that waits for the host's answer; where the triggerer does, the one that comes next."""
    killed = _kill_runners(scene, point.node)

    def wait_for_the_next() -> None:
        deadline = time.monotonic() + _APPEARS
        while not killed and time.monotonic() < deadline:
            killed.extend(_kill_runners(scene, point.node))
            time.sleep(_LOOKS)
        assert killed, f"no process has come to perform anything within {_APPEARS:.0f} s after {point}"
        scene.say(f"killed {', '.join(killed)}")

    return wait_for_the_next


def _kill_runners(scene: Scene, node: str) -> list[str]:
    """Airflow titles a process that performs a task with the id of that try. Of the node, if one is there."""
    running = scene.tasks("running")
    meant = [task for task in running if task.label == node] or running
    titles = {f"airflow worker -- {task.uid}": str(task) for task in meant}
    killed = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            if (title := " ".join(process.cmdline()).strip()) in titles:
                os.kill(process.pid, signal.SIGKILL)
                killed.append(titles[title])
    return killed


def cut_ssh(scene: Scene, point: Point) -> Recovery:
    fault = scene.cluster.faults.ssh_down(point.node)

    def mend() -> None:
        scene.pause(0.5, 2.0)
        fault.lift()

    return mend


def cut_the_api(scene: Scene, _: Point) -> Recovery:
    fault = scene.cluster.faults.api_down()

    def mend() -> None:
        scene.pause(0.5, 3.0)
        fault.lift()

    return mend


def end_a_member(scene: Scene, point: Point) -> Recovery:
    fault = scene.cluster.faults.static_pod_missing(_of_the_plane(scene, point), "etcd")

    def mend() -> None:
        scene.pause(0.5, 3.0)
        fault.lift()

    return mend


def power_of_the_plane(scene: Scene, point: Point) -> Recovery:
    return _power(scene, _of_the_plane(scene, point))


def power_of_a_worker(scene: Scene, point: Point) -> Recovery:
    workers = scene.cluster.spec.worker_nodes
    return _power(scene, point.node if point.node in workers else scene.dice.choice(workers))


def _power(scene: Scene, node: str) -> Recovery:
    scene.say(f"{node} is off")
    scene.cluster.power_off(node)

    def switch_on() -> None:
        scene.pause(0.5, 2.5)
        scene.cluster.power_on(node)

    return switch_on


def _of_the_plane(scene: Scene, point: Point) -> str:
    """The node that is worked at, if it is one: two that are ill at once would be this test's fault."""
    plane = scene.cluster.spec.control_plane_nodes
    return point.node if point.node in plane else scene.dice.choice(plane)


def _kill_airflow(*names: str) -> Blow:
    """From the kill until all is healthy again nobody else lays hands on Airflow."""

    def kill(scene: Scene, _: Point) -> Recovery:
        scene.shared.hands.acquire()
        for name in names:
            scene.shared.airflow.kill(name)

        def start() -> None:
            try:
                _start(scene.shared.airflow, names)
            finally:
                scene.shared.hands.release()

        return start

    return kill


def _start(airflow: AirflowInstance, names: Sequence[str]) -> None:
    """The API server first: the others ask it as they start, and only through it do they say that they are well."""
    waves = ([name for name in names if name == API_SERVER], [name for name in names if name != API_SERVER])
    for wave in filter(None, waves):
        for name in wave:
            airflow.start_component(name)
        airflow.wait_healthy(*wave, patience=_STARTS)


BLOWS: Mapping[str, Blow] = {
    components.TASK.name: kill_the_task,
    components.SSH.name: cut_ssh,
    components.API.name: cut_the_api,
    components.PLANE.name: power_of_the_plane,
    components.ETCD.name: end_a_member,
    components.WORKER.name: power_of_a_worker,
    components.LEDGER.name: edit_the_ledger,
    components.SCHEDULER.name: _kill_airflow(SCHEDULER),
    components.TRIGGERER.name: _kill_airflow(TRIGGERER),
    components.API_SERVER.name: _kill_airflow(API_SERVER),
    components.AIRFLOW.name: _kill_airflow(*COMPONENTS),
}
