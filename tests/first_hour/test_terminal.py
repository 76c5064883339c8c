"""A terminal whose shell does what a person's does."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from first_hour.terminal import Terminal

_WAITS = f"""{sys.executable} -c 'import time; print("here"); time.sleep(60)'"""


@pytest.fixture(params=[signal.SIG_DFL, signal.SIG_IGN], ids=["in a terminal", "in the background of a script"])
def started(request):
    """How whoever starts the terminal takes Ctrl-C: children inherit it when it is ignored."""
    before = signal.signal(signal.SIGINT, request.param)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("started")
def test_ctrl_c_ends_what_runs(tmp_path: Path) -> None:
    with Terminal("one", tmp_path, dict(os.environ), time.monotonic()) as terminal:
        terminal.start(_WAITS)
        terminal.wait_for("(?m)^here", 20)
        terminal.interrupt(20)
        assert "KeyboardInterrupt" in terminal.shown()


_MOVES = """
from rich.console import Console
from rich.live import Live
with Live(console=Console(), auto_refresh=False, transient=True) as live:
    for turn in range(3):
        live.update("\\n".join(f"turn {turn}, line {line}" for line in range(5)), refresh=True)
print("x" * 300)
print("end")
"""


def test_what_was_written_is_what_stayed_a_line_however_long(tmp_path: Path) -> None:
    """A table that has moved is none of it; a command that is to be copied is one line. Also where it has scrolled."""
    script = tmp_path / "moves.py"
    script.write_text(_MOVES)
    with Terminal("one", tmp_path, dict(os.environ), time.monotonic()) as terminal:
        terminal.run(f"{sys.executable} {script}", 20)
        assert terminal.written() == ["x" * 300, "end"]
        terminal.run(f"seq 100; {sys.executable} {script}", 20)
        assert terminal.written() == [*map(str, range(1, 101)), "x" * 300, "end"]
