"""Following a path from run to run, over HTTP, with boards as the API server gives them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from demo.complaint import Complaint, RunFailed
from demo.follow import Follower
from demo.kubernetes import KubernetesNodes
from demo.wishes import Wishes
from demo.world import World
from harness.airflow import AirflowInstance
from in_memory.runs import DONE, NOW, a_run, at, ended, failed
from kubeadm_upgrade.board.board import board_of
from kubeadm_upgrade.board.record import RunRecord
from lab import ClusterSpec, Lab

Follow = Callable[..., Follower]

RUN = a_run(control_plane=1, workers=1)
OVER = ended(at(RUN, {"cp1": DONE, "w1": DONE}))
BROKEN = at(RUN, {"cp1": DONE, "w1": "workers.drain_node"}, **failed("w1: drain_node: no budget"))


@pytest.fixture
def follow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Follow]:
    """Follows these answers, one after the other of each run, the last one for ever; the cluster is a lab's."""
    monkeypatch.setattr("kubeadm_upgrade.commands.watching.PULSE", 0.01)
    boards: dict[str, list[RunRecord]] = {}

    class Airflow(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self._answer({"access_token": "a token"})

        def do_GET(self) -> None:
            left = boards[self.path.split("/")[4]]
            self._answer(board_of(left.pop(0) if len(left) > 1 else left[0], NOW).to_json())

        def _answer(self, answer: Any) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        def log_message(self, *_: object) -> None: ...

    with (
        HTTPServer(("127.0.0.1", 0), Airflow) as server,
        Lab(tmp_path / "lab", [ClusterSpec("demo-a", control_plane=1, workers=1, version="1.28.15")]),
    ):
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()

        def follow(**runs: list[RunRecord]) -> Follower:
            boards.update({name.replace("_", "~"): records for name, records in runs.items()})
            world = World(Wishes(), lambda _: None, tmp_path)
            world.description = json.loads((tmp_path / "lab" / "lab.json").read_text())
            airflow = AirflowInstance(tmp_path / "airflow", port=server.server_port)
            return Follower(world, airflow, KubernetesNodes(Path(world.cluster["admin_kubeconfig"])), "night")

        yield follow
        server.shutdown()


def test_from_run_to_run_until_the_last_one_is_over(follow: Follow) -> None:
    """Its board is the last that is shown."""
    follower = follow(night=[RUN, replace(OVER, next_run="night~2")], night_2=[replace(OVER, run_id="night~2")])
    seen: list[str] = []
    board = follower.watch(lambda board, now, wrong: seen.append(board["run_id"]))
    assert (board["state"], follower.run_ids) == ("done", ["night", "night~2"])
    assert list(dict.fromkeys(seen)) == follower.run_ids
    assert follower.page.endswith("/dags/kubeadm_upgrade.demo-a/runs/night~2/plugin/run_board")


def test_what_has_failed_and_what_to_do_about_it(follow: Follow, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing goes on until somebody has cleared it; then it does."""
    monkeypatch.setattr("demo.follow.HESITATION", 0.05)
    follower = follow(night=[RUN, BROKEN])
    with pytest.raises(RunFailed) as complaint:
        follower.check(follower.watch(lambda *_: None))
    first, why, do, log = str(complaint.value).splitlines()
    assert first == "drain_node has failed on w1."
    assert (why, do) == ("w1: drain_node: no budget", f"What to do: {failed('')['failure'].do}")
    assert log.endswith("/runs/night/tasks/workers.drain_node/mapped/0")
    follow(night=[BROKEN, RUN])
    follower.wait_until_cleared()


def test_nobody_waits_for_ever(follow: Follow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("demo.follow.STANDSTILL", 0.05)
    with pytest.raises(Complaint, match=r"Nothing has moved for 0 s\. Last: Packages are on 0 of 2 nodes"):
        follow(night=[RUN]).watch(lambda *_: None)


def test_what_the_cluster_says_counts(follow: Follow) -> None:
    """Nothing has upgraded this one."""
    follower = follow(night=[OVER])
    with pytest.raises(Complaint, match=r"but the cluster does not: demo-a-cp1 is Ready at v1\.28"):
        follower.check(follower.watch(lambda *_: None))
