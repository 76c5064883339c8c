"""What the user sees meanwhile: in a terminal a bar that moves, elsewhere a line whenever there is something to say."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Mapping
from typing import TextIO

_BAR = 24
# Where nothing moves, a line every so many seconds says that work goes on.
_SIGN_OF_LIFE = 10.0


class Display:
    """`say` leaves a line for good; `show` is what goes on right now."""

    def __init__(self, out: TextIO = sys.stdout, environment: Mapping[str, str] = os.environ) -> None:
        self._out = out
        self._terminal = out.isatty() and environment.get("TERM") != "dumb"
        self._full, self._empty = _blocks(out)
        self._started = self._told = time.monotonic()
        self._topic = ""
        self._drawn = False

    def say(self, text: str) -> None:
        self._wipe()
        print(text, file=self._out, flush=True)

    def show(self, words: str, share: float) -> None:
        """`words` up to a colon are the topic: without a terminal, a new one is told at once."""
        if self._terminal:
            self._draw(words, share)
            return
        topic, now = words.partition(":")[0], time.monotonic()
        if topic != self._topic or now - self._told >= _SIGN_OF_LIFE:
            self._topic, self._told = topic, now
            print(f"{self.elapsed:>6}  {words}", file=self._out, flush=True)

    def close(self) -> None:
        self._wipe()

    @property
    def elapsed(self) -> str:
        minutes, seconds = divmod(int(time.monotonic() - self._started), 60)
        return f"{minutes}:{seconds:02d}"

    def _draw(self, words: str, share: float) -> None:
        full = round(_BAR * share)
        bar = self._full * full + self._empty * (_BAR - full)
        line = f"{bar} {share:4.0%}  {self.elapsed}  {words}"
        # a line that fills the last column would wrap on some terminals
        width = shutil.get_terminal_size().columns - 1
        print(f"\r\x1b[K{line[:width]}", end="", file=self._out, flush=True)
        self._drawn = True

    def _wipe(self) -> None:
        if self._drawn:
            print("\r\x1b[K", end="", file=self._out, flush=True)
            self._drawn = False


def _blocks(out: TextIO) -> tuple[str, str]:
    try:
        "█░".encode(out.encoding or "ascii")
    except UnicodeEncodeError:
        return "#", "."
    return "█", "░"
