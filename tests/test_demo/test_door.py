"""Address and login: seen before anything of the upgrade runs, and for as long as it does."""

from __future__ import annotations

import contextlib
import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from demo.__main__ import _start_run
from demo.door import Door, meanwhile
from demo.lines import Lines
from demo.screen import Preparations, drawn
from demo.wishes import CLUSTERS, Wishes
from demo.world import World
from harness.airflow import AirflowInstance
from in_memory.runs import DONE, NOW, a_run, at
from kubeadm_upgrade.board.board import board_of
from lab import ClusterSpec, Lab

DOOR = Door("http://127.0.0.1:8080", "admin", "a-password")


@pytest.fixture
def output() -> io.StringIO:
    return io.StringIO()


@pytest.fixture(params=["live", "plain"])
def teller(request: pytest.FixtureRequest, output: io.StringIO) -> Lines | Preparations:
    if request.param == "live":
        return Preparations(Console(file=output, width=80, force_terminal=True, color_system=None))
    return Lines()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """A lab, and in Airflow's place who says yes to everything."""
    with Lab(tmp_path / "lab", [ClusterSpec("demo-a", control_plane=1, workers=1, version="1.28.15")]) as lab:
        world = World(Wishes(), lambda _: None, tmp_path)
        world.description = json.loads((tmp_path / "lab" / "lab.json").read_text())
        assert world.description["clusters"].keys() == lab.clusters.keys()
        yield world


def test_where_the_run_will_be_seen_is_told_before_it_can_run(
    world: World, teller: Lines | Preparations, output: io.StringIO
) -> None:
    seen: list[tuple[str, str]] = []

    class Airflow(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self._answer({"access_token": "a token", "dag_run_id": "to-1.29"})

        def do_PATCH(self) -> None:
            self._answer({})

        def _answer(self, answer: dict[str, Any]) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            seen.append((f"{self.command} {self.path}", output.getvalue()))
            body = json.dumps(answer).encode()
            self.send_response(201)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Airflow)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        world.airflow = AirflowInstance(world.folder / "airflow", port=server.server_port)
        with contextlib.redirect_stdout(output):
            teller.tell(Door.of(world.airflow).rows())
            _, follower = _start_run(world, teller)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        if isinstance(teller, Preparations):
            teller.done()
    acts = [(asked, said) for asked, said in seen if "/dags/" in asked]
    assert [asked.split()[0] for asked, _ in acts] == ["PATCH", "POST"]  # unpause, trigger
    for _, said in acts:
        assert f"admin, password {world.airflow.password}" in said
        assert f"http://127.0.0.1:{server.server_port}/dags/kubeadm_upgrade.demo-a/runs/to-1.29" in said
    assert follower.page in output.getvalue()


@pytest.mark.parametrize("width", [60, 80, 120])
@pytest.mark.parametrize("cluster", CLUSTERS)
def test_the_screen_shows_them_whole_at_every_look(cluster: str, width: int) -> None:
    wishes = Wishes(cluster, "1.32.13")
    page = DOOR.page(wishes.dag_id, "to-1.32.13~2")
    console = Console(width=width, height=24, file=io.StringIO(), no_color=True)
    rows = (("board", page), ("fleet", DOOR.fleet), DOOR.login, meanwhile(wishes))
    half = at(a_run(control_plane=3, workers=2), {"cp1": DONE, "cp2": "control_plane.kubeadm_upgrade"})
    console.print(drawn(rows, board_of(half, NOW).to_json(), NOW))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert page in "".join(line[11:] if line.startswith(" " * 11) else line for line in text.splitlines()).replace(
        " ", ""
    )
    assert max(map(len, text.splitlines())) <= width
    assert "admin, password a-password" in text
    assert "make break" in text
    if width >= 80:
        assert len(text.splitlines()) <= 24, "does not fit into an ordinary terminal"


@pytest.mark.parametrize(
    ("cluster", "command"), [("demo-a", "make break, in another"), ("demo-b", "make break CLUSTER=demo-b, in another")]
)
def test_what_can_be_tried_meanwhile_is_a_command_for_this_cluster(cluster: str, command: str) -> None:
    assert command in meanwhile(Wishes(cluster))[1]


def test_what_has_a_bracket_is_told_as_it_is(output: io.StringIO) -> None:
    preparations = Preparations(Console(file=output, width=80))
    preparations.tell([("log in as", "admin, password [bold]x")])
    assert "[bold]x" in output.getvalue()
