"""One installation into a checkout at a time, also after an earlier one was killed and its programs were not."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator

from installation.display import Display


@contextlib.contextmanager
def alone(display: Display) -> Iterator[tuple[int | None, bool]]:
    """The lock, for the programs to inherit, and whether it had to be waited for. The checkout's folder carries it, so
    there is no file that could be left behind."""
    folder = os.open(".", os.O_RDONLY)
    try:
        yield _lock(folder, display)
    finally:
        os.close(folder)


def _lock(folder: int, display: Display) -> tuple[int | None, bool]:
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return folder, False
    except BlockingIOError:
        display.say("Another make installs into this checkout: waiting for it to end.")
    except OSError:
        return None, False  # a file system that has no locks
    fcntl.flock(folder, fcntl.LOCK_EX)
    return folder, True
