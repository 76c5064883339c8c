"""What a board of 500 nodes costs the API server: run by make bench, with the machine left alone."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from statistics import median

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
def page(large: Server) -> Iterator[httpx.Client]:
    with large.client(ADMIN) as client:
        client.get("/api/v2/version")  # the connection is there
        yield client


def data(run_id: str) -> str:
    return f"/kubeadm-upgrade/board/{RUN.dag_id}/{run_id}/data"


def test_the_whole_board(large, page):
    """Under 200 KB compressed, and under 300 ms of the server, read and made from nothing."""
    took, sizes = [], []
    for run_id in RUNS:
        began = time.perf_counter()
        with page.stream("GET", data(run_id)) as answer:
            sizes.append(sum(len(chunk) for chunk in answer.iter_raw()))
        took.append(time.perf_counter() - began)
    print(f"\n500 nodes: {median(sizes) / 1024:.0f} KB compressed, made in {median(took) * 1000:.0f} ms")
    assert max(sizes) < 200 * 1024
    assert median(took) < 0.3


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
    leader = psutil.Process(server.airflow.pid(API_SERVER))
    processes = [leader, *leader.children(recursive=True)]
    before = sum(process.cpu_times().user + process.cpu_times().system for process in processes)
    began = time.monotonic()
    for number in itertools.count(1):
        look()
        time.sleep(max(0.0, began + number * POLL_SECONDS - time.monotonic()))
        if time.monotonic() - began >= MEASURED_SECONDS:
            break
    return sum(process.cpu_times().user + process.cpu_times().system for process in processes) - before


steps = itertools.count()


def go_on(database: Connection, number: int) -> None:
    """One node waits for another Pod, and one more has begun to wait for its turn."""
    index = RUN.done + number % RUN.moving
    waiting = {"reason": f"pods to go: shop/db-{number}", "since": RUN.began.isoformat(), "kind": "pods"}
    task = {"task_id": f"workers.{AT_WORK}", "map_index": index}
    write_xcoms(database, RUN.dag_id, "first", [{**task, "key": "waiting", "value": waiting}])
    row = (TaskInstance.task_id == "workers.admit", TaskInstance.map_index == RUN.workers - 1 - number)
    database.execute(update(TaskInstance).where(TaskInstance.run_id == "first", *row).values(try_number=2))
