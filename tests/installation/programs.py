"""Run a program, hear what it says while it says it, and leave nothing of it behind."""

from __future__ import annotations

import os
import re
import selectors
import subprocess
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType

_PULSE = 0.1
_LAST_WORDS = 12
_NOTHING: Mapping[str, str] = MappingProxyType({})


class Ended(Exception):
    """A program could not be started, or ended with something else than 0; `words` are its last lines."""

    def __init__(self, what: str, words: Sequence[str] = ()) -> None:
        super().__init__(what)
        self.what = what
        self.words = list(words)

    @property
    def reason(self) -> str:
        """The one line to quote: the last that calls itself an error or its cause, else the last."""
        errors = [line for line in self.words if re.match(r"\s*(error|cause|caused by)\b", line, re.IGNORECASE)]
        return (errors or self.words or [self.what])[-1].strip()


class Programs:
    """`lock` is a file descriptor that they inherit: whoever waits for it waits for the last of them, should we die."""

    def __init__(self, environment: Mapping[str, str], lock: int | None = None) -> None:
        self.environment = environment
        self._inherited = () if lock is None else (lock,)

    def run(
        self,
        name: str,
        argv: Sequence[str],
        heard: Callable[[str], None],
        tick: Callable[[], None],
        environment: Mapping[str, str] = _NOTHING,
    ) -> None:
        """To its end. `name` is for messages, `heard` gets each line, `tick` comes often. Raises Ended."""
        words: deque[str] = deque(maxlen=_LAST_WORDS)
        with self.started(argv, environment=environment) as process:
            for line in _lines(process, tick):
                if line.strip():
                    words.append(line.rstrip())
                heard(line)
            code = process.wait()
        if code != 0:
            raise Ended(f"{name} ended with code {code}", words)

    @contextmanager
    def started(
        self, argv: Sequence[str], *, stderr: int = subprocess.STDOUT, environment: Mapping[str, str] = _NOTHING
    ) -> Iterator[subprocess.Popen[bytes]]:
        """What it prints is a pipe. It is ended when the block is left early. Raises Ended."""
        try:
            process = subprocess.Popen(
                list(argv),
                env={**self.environment, **environment},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=stderr,
                pass_fds=self._inherited,
            )
        except OSError as error:
            raise Ended(f"{argv[0]} could not be started: {error.strerror}") from error
        try:
            yield process
        except BaseException:
            process.kill()
            raise
        finally:
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


def _lines(process: subprocess.Popen[bytes], tick: Callable[[], None]) -> Iterator[str]:
    assert process.stdout is not None
    rest = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while True:
            tick()
            if not selector.select(_PULSE):
                continue
            chunk = os.read(process.stdout.fileno(), 65536)
            if not chunk:
                break
            *whole, rest = (rest + chunk).split(b"\n")
            yield from (line.decode(errors="replace") for line in whole)
    if rest:
        yield rest.decode(errors="replace")
