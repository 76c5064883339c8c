"""Ask again and again, and show what has changed: drawn in place in a terminal, a line for each change elsewhere."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from kubeadm_upgrade.errors import Unreachable

PULSE = 2.0  # seconds
PATIENCE = 300.0  # seconds without an answer, after there has been one

Json = Mapping[str, Any]
Draw = Callable[[Json, datetime], RenderableType]
Show = Callable[[Json, datetime, str], None]


def answers(ask: Callable[[], Json]) -> Iterator[tuple[Json, datetime, str]]:
    """What is told, the moment it is looked at, and what is wrong just now. Raises Unreachable once patience has ended.

    Moments are the server's: nobody knows what clock stands beside whoever looks.
    """
    told, heard = ask(), time.monotonic()
    moment = datetime.fromisoformat(told["as_of"])
    wrong = ""
    while True:
        yield told, moment + timedelta(seconds=time.monotonic() - heard), wrong
        time.sleep(PULSE)
        try:
            fresh, wrong = ask(), ""
        except Unreachable as error:
            if time.monotonic() - heard > PATIENCE:
                raise
            wrong = error.what
            continue
        if fresh is not told:  # else it is what was told before, and time has gone on
            told, heard, moment = fresh, time.monotonic(), datetime.fromisoformat(fresh["as_of"])


@contextmanager
def shown(console: Console, draw: Draw, *, as_json: bool) -> Iterator[Show]:
    """Shows every answer that it is given; how depends on what stands at the other end."""
    if as_json:
        yield _Lines(json.dumps)
    elif not console.is_terminal:
        yield _Lines(_sentence)
    else:
        with Live(console=console, refresh_per_second=8, vertical_overflow="crop") as live:
            yield lambda told, now, wrong: live.update(_with(draw(told, now), wrong))


class _Lines:
    """One for each change."""

    def __init__(self, line: Callable[[Json], str]) -> None:
        self._line = line
        self._last = ""

    def __call__(self, told: Json, now: datetime, wrong: str) -> None:
        line = self._line(told)
        if line != self._last:
            self._last = line
            sys.stdout.write(f"{line}\n")
            sys.stdout.flush()


def _sentence(told: Json) -> str:
    """Of a board, or of all clusters of a fleet that are not where they are to be."""
    if "clusters" in told:
        return "\n".join(f"{one['name']}: {one['sentence']}" for one in told["clusters"])
    return f"{told['cluster']}: {told['sentence']}"


def _with(drawn: RenderableType, wrong: str) -> RenderableType:
    return Group(drawn, Text(wrong, "yellow", no_wrap=True, overflow="ellipsis")) if wrong else drawn
