"""A shell on a terminal, as a person has one: what is typed, what is on the screen, and when."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Mapping
from itertools import dropwhile
from pathlib import Path
from types import TracebackType
from typing import Self

import psutil
import pyte

COLUMNS, ROWS, SCROLLED_BACK = 120, 45, 5000
# job control and Ctrl-C need a terminal that is the session's own; who is started in the background of a script ignores
# Ctrl-C, and whatever it starts would as well
_SHELL = """
import fcntl, os, signal, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.execvp("bash", ["bash", "--noprofile", "--norc", "-i"])
"""
_MARKED = {"TERM": "xterm-256color", "PS1": "$ ", "PROMPT_COMMAND": r"printf '\033]777;%d\007' $?"}
_PROMPT = re.compile(r"\x1b\]777;(\d+)\x07")  # an operating system command, which no screen shows
_NEVER_WRAPPED = 2000
_READ = 65536


class NotAsWritten(AssertionError):
    """A command did not do what is said of it. The message holds the screen."""


class Terminal:
    """One interactive bash. Its processes end with it."""

    def __init__(self, name: str, folder: Path, environment: Mapping[str, str], began: float) -> None:
        self.name = name
        self._began = began
        self._screen = pyte.HistoryScreen(COLUMNS, ROWS, history=SCROLLED_BACK, ratio=1)
        self._stream = pyte.ByteStream(self._screen)
        self._lock = threading.Lock()
        self._said = ""  # as it came, with the marks of the prompts
        self._typed_at = 0
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self._file = ours
        self._shell = subprocess.Popen(
            [sys.executable, "-c", _SHELL],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=folder,
            env={**environment, **_MARKED},
            start_new_session=True,
        )
        os.close(theirs)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._wait(lambda: self._prompts() == 1, 10, "a prompt")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def run(self, command: str, patience: float) -> str:
        """Type a command and wait for its end. Returns what it showed; raises NotAsWritten unless it succeeded."""
        return self.ended(self.start(command), patience)

    def ended(self, before: int, patience: float) -> str:
        """Wait until the command typed after so many prompts has ended, and well. Returns what it showed."""
        self._wait(lambda: self._prompts() > before, patience, "its end")
        if code := self.exit_code:
            raise NotAsWritten(f"{self.name}: exit code {code}\n{self.shown()}")
        return self.shown()

    def start(self, command: str) -> int:
        """Type a command. Returns how many prompts there were before it."""
        before = self._prompts()
        with self._lock:
            self._typed_at = len(self._said)
            self._screen.reset()
            self._screen.history.top.clear()
            self._stream.feed(b"$ ")  # what the reset has taken away
        self.type(f"{command}\n")
        return before

    def type(self, text: str) -> None:
        os.write(self._file, text.encode())

    def wait_for(self, pattern: str, patience: float) -> str:
        """Wait until the screen, with what has scrolled off it, shows something. Returns all of it."""
        self._wait(lambda: re.search(pattern, self.shown()) is not None, patience, f"/{pattern}/")
        return self.shown()

    def interrupt(self, patience: float) -> None:
        """Press Ctrl-C and wait for the prompt."""
        before = self._prompts()
        self.type("\x03")
        self._wait(lambda: self._prompts() > before, patience, "the end after Ctrl-C")

    @property
    def exit_code(self) -> int:
        """Of the last command that has ended."""
        with self._lock:
            return int(_PROMPT.findall(self._said)[-1])

    @property
    def seconds(self) -> float:
        """Since the first hour began."""
        return time.monotonic() - self._began

    def shown(self) -> str:
        """What stands on the screen since the last command was typed, with what has scrolled off it."""
        with self._lock:
            scrolled = [_text(line, COLUMNS) for line in self._screen.history.top]
            lines = [*scrolled, *self._screen.display]
        return "\n".join(line.rstrip() for line in lines).strip("\n")

    def written(self) -> list[str]:
        """What the last command has written, a line however long: as it stands on a screen where none is wrapped."""
        with self._lock:
            said = self._said[self._typed_at :].partition("\n")[2]  # without its echo
        screen = pyte.HistoryScreen(_NEVER_WRAPPED, ROWS, history=SCROLLED_BACK, ratio=1)
        pyte.Stream(screen).feed(said)
        lines = [_text(line, _NEVER_WRAPPED).rstrip() for line in screen.history.top]
        lines += [line.rstrip() for line in screen.display[: screen.cursor.y]]  # the next prompt stands there
        return list(dropwhile(lambda line: not line, lines))

    def close(self) -> None:
        """End the shell and whatever it has started."""
        for process in [*psutil.Process(self._shell.pid).children(recursive=True), self._shell]:
            try:
                process.send_signal(signal.SIGKILL)
            except (psutil.NoSuchProcess, ProcessLookupError):
                continue
        self._shell.wait()
        self._reader.join(5)
        os.close(self._file)

    def _prompts(self) -> int:
        with self._lock:
            return len(_PROMPT.findall(self._said))

    def _wait(self, so: Callable[[], bool], patience: float, what: str) -> None:
        deadline = time.monotonic() + patience
        while not so():
            if time.monotonic() > deadline:
                raise NotAsWritten(f"{self.name}: {what} did not come in {patience:.0f} s:\n{self.shown()}")
            if self._shell.poll() is not None:
                raise NotAsWritten(f"{self.name}: the shell has ended:\n{self.shown()}")
            time.sleep(0.05)

    def _read(self) -> None:
        while True:
            try:
                got = os.read(self._file, _READ)
            except OSError:
                return
            if not got:
                return
            with self._lock:
                self._said += got.decode(errors="replace")
                self._stream.feed(got)


def _text(line: Mapping[int, pyte.screens.Char], columns: int) -> str:
    return "".join(line[column].data for column in range(columns))
