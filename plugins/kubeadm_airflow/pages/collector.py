"""Python's garbage collector, out of the way while a board is made.

A board of 500 nodes is 100,000 objects that all stay. To look for garbage among them while they are made, again and
again, takes as long as to make them.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Collector:
    """May be paused by several threads: the last one lets it go on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pauses = 0

    @contextmanager
    def paused(self) -> Iterator[None]:
        """For less than a second."""
        with self._lock:
            self._pauses += 1
            gc.disable()
        try:
            yield
        finally:
            with self._lock:
                self._pauses -= 1
                if not self._pauses:
                    gc.enable()


paused = Collector().paused
