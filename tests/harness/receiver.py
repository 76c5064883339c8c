"""Whoever is told: a web server and a mail server on loopback, as slow and as broken as a test wants."""

from __future__ import annotations

import email
import email.policy
import json
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True)
class Request:
    """One that has arrived."""

    path: str
    headers: dict[str, str]  # names in small letters
    body: bytes
    at: float

    @property
    def event(self) -> dict[str, Any]:
        plain: dict[str, Any] = json.loads(self.body)
        return plain


@dataclass
class Receiver:
    """What has arrived, and how it is answered: after `seconds`, with `statuses` in turn, the last of them for ever."""

    port: int = 0
    seconds: float = 0.0
    statuses: list[int] = field(default_factory=lambda: [200])
    says: bytes = b""
    arrived: list[Request] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def kinds(self) -> list[str]:
        return [request.event["data"]["event"] for request in self.arrived]

    def next_status(self) -> int:
        return self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]


@contextmanager
def open_receiver() -> Iterator[Receiver]:
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.arrived.append(Request(self.path, headers, body, time.monotonic()))
            time.sleep(receiver.seconds)
            try:
                self.send_response(receiver.next_status())
                self.send_header("location", "http://127.0.0.1:1/elsewhere")
                self.send_header("content-length", str(len(receiver.says)))
                self.end_headers()
                self.wfile.write(receiver.says)
            except OSError:
                pass  # whoever asked has given up

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver.port = server.server_address[1]
    with _serving(server):
        yield receiver


@dataclass
class Mailbox:
    """What has been mailed: to whom, and each message as it was sent."""

    port: int = 0
    refuses: bool = False
    arrived: list[tuple[list[str], EmailMessage]] = field(default_factory=list)


@contextmanager
def open_mailbox() -> Iterator[Mailbox]:
    """As much of SMTP (RFC 5321) as a client needs that neither encrypts nor logs in."""
    server = _MailServer(("127.0.0.1", 0), _MailSession)
    server.mailbox.port = server.server_address[1]
    with _serving(server):
        yield server.mailbox


class _MailServer(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.mailbox = Mailbox()


class _MailSession(socketserver.StreamRequestHandler):
    server: _MailServer

    def handle(self) -> None:
        self._say("220 mailbox")
        self._to: list[str] = []
        while line := self.rfile.readline().decode().strip():
            command = line.split(":")[0].split()[0].upper()
            self._say(self._answer(command, line))
            if command == "QUIT":
                return

    def _answer(self, command: str, line: str) -> str:
        match command:
            case "QUIT":
                return "221 bye"
            case "RCPT" if self.server.mailbox.refuses:
                return "550 nobody of that name"
            case "RCPT":
                self._to.append(line.partition("<")[2].rstrip(">"))
            case "DATA":
                self._say("354 go on")
                message = email.message_from_bytes(self._data(), policy=email.policy.default)
                assert isinstance(message, EmailMessage)
                self.server.mailbox.arrived.append((self._to, message))
        return "250 ok"

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())

    def _data(self) -> bytes:
        lines = iter(self.rfile.readline, b".\r\n")
        return b"".join(line[1:] if line.startswith(b"..") else line for line in lines)


@contextmanager
def _serving(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
