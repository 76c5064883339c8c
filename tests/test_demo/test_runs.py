"""Following a path from run to run, over HTTP, with answers as Airflow gives them."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from demo.journey import Journey
from demo.progress import Progress
from demo.runs import Runs
from harness.rest import AirflowApi
from test_demo.paths import CONTROL_PLANE, FOUR_HOPS, ONE_HOP, WORKERS, Json

DAG = "kubeadm_upgrade.demo-b"
UNPLANNED = Journey.unplanned(dict.fromkeys(CONTROL_PLANE, True) | dict.fromkeys(WORKERS, False))


class Answers:
    """What there is to GET below the DAG's runs; all else is 404. `asked` are the paths of all questions."""

    def __init__(self) -> None:
        self.known: dict[str, Json] = {}
        self.asked: list[str] = []

    def run(self, run_id: str, state: str, plan: str | None, path: Json | None = None) -> None:
        """A run with one task, its plan, in this state."""
        task = {"task_id": "plan", "map_index": -1, "state": plan, "start_date": None, "end_date": None}
        self.known[run_id] = {"state": state}
        self.known[f"{run_id}/taskInstances"] = {"task_instances": [task], "total_entries": 1}
        if path is not None:
            self.known[f"{run_id}/taskInstances/plan/xcomEntries/path"] = {"value": path}

    def plans_read(self) -> int:
        return sum(path.endswith("/xcomEntries/path") for path in self.asked)


@pytest.fixture
def answers() -> Answers:
    return Answers()


@pytest.fixture
def api(answers: Answers) -> Iterator[AirflowApi]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._answer(201, {"access_token": "a token"})

        def do_GET(self) -> None:
            path = self.path.partition("?")[0].removeprefix(f"/api/v2/dags/{DAG}/dagRuns/")
            answers.asked.append(path)
            found = answers.known.get(path)
            self._answer(404 if found is None else 200, found or {"detail": "not found"})

        def _answer(self, status: int, answer: Json) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        client = AirflowApi(f"http://127.0.0.1:{server.server_port}", "admin", "a password")
        yield client
        client.close()
        server.shutdown()


@pytest.fixture
def runs(api: AirflowApi) -> Runs:
    return Runs(api, DAG, "to-1.32", UNPLANNED)


def seen(runs: Runs) -> Progress:
    progress = runs.look(())
    assert progress is not None
    return progress


def rest(hops_over: int) -> Json:
    return {**FOUR_HOPS, "hops": FOUR_HOPS["hops"][hops_over:]}


def test_the_path_is_known_as_soon_as_it_is_planned_and_read_once(answers: Answers, runs: Runs) -> None:
    answers.run("to-1.32", "running", "running")
    assert seen(runs).journey == UNPLANNED
    answers.run("to-1.32", "running", "success", FOUR_HOPS)
    assert [seen(runs).journey.here for _ in range(2)] == ["hop 1 of 4: 1.28.15 → 1.29.15"] * 2
    assert answers.plans_read() == 1


def test_from_run_to_run_until_the_last_one_is_over(answers: Answers, runs: Runs) -> None:
    ids = ["to-1.32", "to-1.32~2", "to-1.32~3", "to-1.32~4"]
    looks = []
    for number, run_id in enumerate(ids):
        answers.run(run_id, "queued", None)
        looks.append(seen(runs))
        answers.run(run_id, "success", "success", rest(number))
        looks.append(seen(runs))
    assert list(runs.ids) == ids
    assert [look.finished for look in looks] == [False] * 7 + [True]
    assert [look.journey.over for look in looks[1:]] == [0, 1, 1, 2, 2, 3, 3]
    # before the first run has planned, nothing is known of the other hops
    assert [look.steps_done for look in looks[1:]] == sorted(look.steps_done for look in looks[1:])
    assert looks[-1].steps_done == looks[-1].journey.steps


def test_a_next_run_that_is_not_there_yet_is_waited_for(answers: Answers, runs: Runs) -> None:
    answers.run("to-1.32", "success", "success", FOUR_HOPS)
    assert not seen(runs).finished
    assert [runs.look(()) for _ in range(3)] == [None] * 3
    assert runs.id == "to-1.32~2"
    answers.run("to-1.32~2", "running", None)
    assert seen(runs).journey.here == "hop 2 of 4: 1.29.15 → 1.30.14"


def test_a_plan_that_cannot_be_read_yet_ends_nothing(answers: Answers, runs: Runs) -> None:
    answers.run("to-1.32", "success", "success")
    assert runs.look(()) is None
    answers.run("to-1.32", "success", "success", FOUR_HOPS)
    assert not seen(runs).finished


@pytest.mark.parametrize("failing", [0, 1])
def test_a_run_that_has_failed_is_the_last(answers: Answers, runs: Runs, failing: int) -> None:
    if failing:
        answers.run("to-1.32", "success", "success", FOUR_HOPS)
        seen(runs)
    failed = runs.id
    answers.run(failed, "failed", "success", rest(failing))
    assert seen(runs).finished
    assert runs.id == failed


def test_one_hop_is_one_run(answers: Answers, runs: Runs) -> None:
    answers.run("to-1.32", "success", "success", ONE_HOP)
    assert seen(runs).finished
    assert runs.ids == ("to-1.32",)
