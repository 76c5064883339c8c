"""One running command: where it runs, what it was given, where its output goes."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.host import Host


async def no_input() -> bytes:
    return b""


@dataclass
class Process:
    """``argv`` is the program and its arguments, without sudo and env."""

    host: Host
    argv: tuple[str, ...]
    root: bool
    out: Callable[[str], None]
    error: Callable[[str], None]
    read_stdin: Callable[[], Awaitable[bytes]] = no_input
    environment: Mapping[str, str] = field(default_factory=dict)
    unit: str | None = None
    #: What sudo itself was given; what env is given behind it comes too late for its own words.
    before_sudo: Mapping[str, str] = field(default_factory=dict)
    stdin: bytes | None = None
    #: A refused command changed nothing, whatever its argv looks like.
    refused: bool = False
    pid: int = field(default_factory=lambda: random.randrange(2000, 30000))
    started: float = field(default_factory=time.time)
    task: asyncio.Task[object] | None = None

    def kill(self) -> None:
        """From outside: it does not come to its end."""
        if self.task is not None:
            self.task.cancel()

    @property
    def arguments(self) -> tuple[str, ...]:
        return self.argv[1:]

    async def stdin_bytes(self) -> bytes:
        self.stdin = await self.read_stdin()
        return self.stdin

    def print(self, text: str) -> None:
        self.out(text + "\n")

    def complain(self, text: str) -> None:
        self.error(text + "\n")

    def refuse(self, text: str, code: int) -> int:
        """Say why nothing was done."""
        self.refused = True
        self.complain(text)
        return code


Command = Callable[[Process], Awaitable[int]]
