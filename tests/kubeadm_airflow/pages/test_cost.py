"""What a board of 500 nodes costs the API server: run by make bench, with the machine left alone."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator

import httpx
import psutil
import pytest
from airflow.models.taskinstance import TaskInstance
from sqlalchemy import Connection, update

from harness.airflow import API_SERVER
from written.database import write_dag, write_run, write_tasks, write_xcoms
from written.run import AT_WORK, MadeUpRun
from written.server import ADMIN, Server

pytestmark = pytest.mark.bench

RUN = MadeUpRun("large", workers=497, done=240, moving=5)
RUNS = ("first", "second", "third")
POLL_SECONDS = 2  # as static/follow.js does
MEASURED_SECONDS = 60


@pytest.fixture(scope="module")
def large(server: Server) -> Server:
    """Three runs of 500 nodes, since a board is made from nothing only once."""
    with server.database.begin() as database:
        write_dag(database, RUN.dag_id, ["kubeadm-upgrade"])
        for run_id in RUNS:
            write_run(database, RUN.dag_id, run_id, "running")
            write_tasks(database, RUN.dag_id, run_id, RUN.tasks())
            write_xcoms(database, RUN.dag_id, run_id, RUN.xcoms())
    return server


@pytest.fixture
def page(large: Server, shown: MadeUpRun) -> Iterator[httpx.Client]:
    """Of an API server that has shown a board before: the first one of all takes a second of imports."""
    with large.client(ADMIN) as client:
        client.get(f"/kubeadm-upgrade/board/{shown.dag_id}/latest/data")
        yield client


def data(run_id: str) -> str:
    return f"/kubeadm-upgrade/board/{RUN.dag_id}/{run_id}/data"


def test_the_whole_board(large, page):
    """Under 200 KB compressed, and under 300 ms of the server, read and made from nothing."""
    sizes, began, spent = [], time.perf_counter(), worked(large)
    for run_id in RUNS:
        with page.stream("GET", data(run_id)) as answer:
            sizes.append(sum(len(chunk) for chunk in answer.iter_raw()))
    took, spent = (time.perf_counter() - began) / len(RUNS), (worked(large) - spent) / len(RUNS)
    of_a_core = f"{spent * 1000:.0f} ms of a core, {took * 1000:.0f} ms by the clock"
    print(f"\n500 nodes: {max(sizes) / 1024:.0f} KB compressed, made from nothing in {of_a_core}")
    assert max(sizes) < 200 * 1024
    assert spent < 0.3


@pytest.mark.parametrize(
    ("what", "happens"),
    [
        pytest.param("nothing happens", False, id="nothing happens"),
        pytest.param("something happens before every look", True, id="something happens before every look"),
    ],
)
def test_an_open_page(large, page, what, happens):
    """Less than 1 % of a core, over what the API server takes while nobody looks."""
    seen = page.get(data("first")).json()["version"]
    idle = cpu_seconds(large, lambda: None)

    def look() -> None:
        nonlocal seen
        if happens:
            with large.database.begin() as database:
                go_on(database, next(steps))
        answer = page.get(data("first"), params={"since": seen})
        assert answer.status_code in ((200, 304) if happens else (304,))  # it rests between two looks
        seen = answer.headers["etag"].strip('"')

    spent = cpu_seconds(large, look) - idle
    share = 100 * spent / MEASURED_SECONDS
    print(
        f"\n500 nodes, {what}: {share:.2f} % of a core, {1000 * spent * POLL_SECONDS / MEASURED_SECONDS:.1f} ms a look"
    )
    assert share < 1


def cpu_seconds(server: Server, look: Callable[[], None]) -> float:
    """What the API server takes in a minute in which a page looks."""
    before, began = worked(server), time.monotonic()
    for number in itertools.count(1):
        look()
        time.sleep(max(0.0, began + number * POLL_SECONDS - time.monotonic()))
        if time.monotonic() - began >= MEASURED_SECONDS:
            break
    return worked(server) - before


def worked(server: Server) -> float:
    """Seconds of a core that the API server has had so far: what else the machine does is not in them."""
    leader = psutil.Process(server.airflow.pid(API_SERVER))
    times = [process.cpu_times() for process in (leader, *leader.children(recursive=True))]
    return sum(one.user + one.system for one in times)


steps = itertools.count()


def go_on(database: Connection, number: int) -> None:
    """One node waits for another Pod, and one more has begun to wait for its turn."""
    index = RUN.done + number % RUN.moving
    waiting = {"reason": f"pods to go: shop/db-{number}", "since": RUN.began.isoformat(), "kind": "pods"}
    task = {"task_id": f"workers.{AT_WORK}", "map_index": index}
    write_xcoms(database, RUN.dag_id, "first", [{**task, "key": "waiting", "value": waiting}])
    row = (TaskInstance.task_id == "workers.admit", TaskInstance.map_index == RUN.workers - 1 - number)
    database.execute(update(TaskInstance).where(TaskInstance.run_id == "first", *row).values(try_number=2))
