"""How each component is struck, and put right again as an operator would. The network of the cluster stalls meanwhile:
`strike` falls while it does, `recover` follows once packets get through.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence

import psutil

from chaos import components
from chaos.ledger_edits import edit_the_ledger
from chaos.points import Point
from chaos.scene import Scene
from harness.airflow import API_SERVER, COMPONENTS, SCHEDULER, TRIGGERER, AirflowInstance

#: What is to be done once the blow has fallen and packets get through again.
Recovery = Callable[[], None]
Blow = Callable[[Scene, Point], Recovery]

_STARTS = 300.0


def kill_the_task(scene: Scene, point: Point) -> Recovery:
    """The process that waits for the host's answer. Where the triggerer does, the run owes one: the next that comes."""
    if not _kill_a_process(scene, point):
        scene.owed.append(point)
    return lambda: None


def collect(scene: Scene) -> None:
    """What is owed, from whatever performs anything now."""
    if scene.owed and _kill_a_process(scene, scene.owed[0]):
        scene.owed.pop(0)


def _kill_a_process(scene: Scene, point: Point) -> bool:
    """One of the node, if one is there. Airflow titles a process that performs a task with the id of that try."""
    running = scene.tasks("running")
    titles = {f"airflow worker -- {task.uid}": task for task in running}
    found = {titles[title]: process for title, process in _processes() if title in titles}
    for task, process in sorted(found.items(), key=lambda one: one[0].label != point.node):
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
            scene.say(f"killed {task} for {point}")
            return True
    return False


def _processes() -> Iterator[tuple[str, psutil.Process]]:
    """What they call themselves."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            yield " ".join(process.cmdline()).strip(), process


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
