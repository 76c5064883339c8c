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
