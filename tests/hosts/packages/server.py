"""Serves the repositories over HTTP, counts who asked for what, and can be in trouble."""

from __future__ import annotations

import threading
import time
from base64 import b64encode
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import unquote, urlsplit

#: pkgs.k8s.io answers with a redirect to a mirror, and so do we: whoever fetches must follow.
MIRROR = "/repositories/isv:/kubernetes:/"
PIECE = 65536


@dataclass(frozen=True)
class Trouble:
    """What is wrong with a path. ``seconds`` pass before the answer."""

    status: HTTPStatus | None = None
    seconds: float = 0.0


class PackageServer:
    """``troubles`` holds beginnings of paths below the root, such as ``core:/stable:/v1.29/deb/``."""

    def __init__(self, root: Path, address: str) -> None:
        self.root = root
        self.requests: Counter[str] = Counter()
        self.troubles: dict[str, Trouble] = {}
        self.logins: dict[str, str] = {}  # beginnings of paths -> `user:password` that is asked for
        self._address = address
        self._port = 0
        self._lock = threading.Lock()
        self._server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        return f"http://{self._address}:{self._port}"

    @property
    def stable(self) -> str:
        """What stands before ``/v1.N/deb/``, as https://pkgs.k8s.io/core:/stable: does."""
        return f"{self.url}/core:/stable:"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """On the same port as before, where it was stopped."""
        self._server = _Server((self._address, self._port), lambda *arguments: _Handler(self, *arguments))
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="packages", daemon=True).start()

    def stop(self) -> None:
        """From now on connections are refused."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def count(self, path: str) -> None:
        with self._lock:
            self.requests[path] += 1

    def asked(self, ending: str) -> int:
        """How often a path with this ending was fetched."""
        with self._lock:
            return sum(number for path, number in self.requests.items() if path.endswith(ending))

    def trouble(self, path: str) -> Trouble:
        found = (trouble for beginning, trouble in self.troubles.items() if path.startswith(beginning))
        return next(found, Trouble())

    def allows(self, path: str, authorization: str | None) -> bool:
        wanted = [login for beginning, login in self.logins.items() if path.startswith(beginning)]
        return all(authorization == f"Basic {b64encode(login.encode()).decode()}" for login in wanted)

    def file(self, path: str) -> Path | None:
        file = (self.root / path).resolve()
        return file if file.is_file() and file.is_relative_to(self.root.resolve()) else None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # A client that goes away is no event.
    handle_error = lambda self, request, client_address: None  # noqa: E731


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 10

    def __init__(self, server: PackageServer, *arguments: object) -> None:
        self._packages = server
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        self._answer(lambda file: self.wfile.write(file.read_bytes()))

    def do_HEAD(self) -> None:
        self._answer(lambda file: None)

    def _answer(self, send: Callable[[Path], object]) -> None:
        path = unquote(urlsplit(self.path).path)
        if not self._packages.allows(path.removeprefix(MIRROR).lstrip("/"), self.headers.get("Authorization")):
            self._head(HTTPStatus.UNAUTHORIZED, 0, **{"WWW-Authenticate": 'Basic realm="packages"'})
            return
        if not path.startswith(MIRROR):
            self._head(HTTPStatus.FOUND, 0, Location=f"{self._packages.url}{MIRROR}{path.lstrip('/')}")
            return
        path = path.removeprefix(MIRROR)
        self._packages.count(path)
        trouble, file = self._packages.trouble(path), self._packages.file(path)
        time.sleep(trouble.seconds)
        if trouble.status or file is None:
            self._head(trouble.status or HTTPStatus.NOT_FOUND, 0)
            return
        self._head(HTTPStatus.OK, file.stat().st_size)
        send(file)

    def _head(self, status: HTTPStatus, length: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(length)}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        """Requests are counted, not printed."""
