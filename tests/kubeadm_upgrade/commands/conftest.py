"""A small HTTP server in the place of Airflow's: it answers what a test says, and nobody without the token."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

TOKEN = "s3cret"
PAGES = "/kubeadm-upgrade"

Answer = tuple[int, Any]


@dataclass
class SmallServer:
    """`answers`: by path; a function is asked each time. Any other path is answered with Airflow's own page."""

    url: str = ""
    answers: dict[str, Answer | Callable[[], Answer]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)  # method and path of each request, and whose

    def board(self, dag_id: str, run: str, answer: Any) -> None:
        self.answers[f"{PAGES}/board/{dag_id}/{run}/data"] = answer


@pytest.fixture
def airflow(monkeypatch) -> Iterator[SmallServer]:
    """Commands find it, and have its token, by the environment."""
    small = SmallServer(answers={"/api/v2/version": (200, {"version": "3.3.2"})})
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(small))
    small.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    monkeypatch.setenv("KUBEADM_UPGRADE_SERVER", small.url)
    monkeypatch.setenv("KUBEADM_UPGRADE_TOKEN", TOKEN)
    monkeypatch.delenv("KUBEADM_UPGRADE_PASSWORD", raising=False)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")  # it is on this machine: no proxy is asked
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("kubeadm_upgrade.commands.watching.PULSE", 0.01)
    yield small
    server.shutdown()
    server.server_close()
    thread.join()


def _handler(small: SmallServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            small.asked.append(f"GET {self.path} {self.headers.get('Authorization', '')}")
            if self.path.startswith(PAGES) and self.headers.get("Authorization") != f"Bearer {TOKEN}":
                self._tell(401, {"detail": "Invalid JWT"})
                return
            answer = small.answers.get(self.path, (200, "<!doctype html><title>Airflow</title>"))
            self._tell(*(answer() if callable(answer) else answer))

        def do_POST(self) -> None:
            given = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            small.asked.append(f"POST {self.path} {given.get('username')}")
            good = given == {"username": "anna", "password": "pass word"}
            self._tell(201, {"access_token": TOKEN}) if good else self._tell(401, {"detail": "Invalid credentials"})

        def _tell(self, status: int, body: Any) -> None:
            text = body if isinstance(body, str) else json.dumps(body)
            etag = f'"{hash(text)}"'
            if status == 200 and self.headers.get("If-None-Match") == etag:
                status, text = 304, ""
            self.send_response(status)
            self.send_header("ETag", etag)
            self.send_header("Content-Length", str(len(text.encode())))
            if status == 302:
                self.send_header("Location", "https://elsewhere.example.org/")
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    return Handler
