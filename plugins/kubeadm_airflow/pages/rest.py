"""How often something is made anew that every open page asks for: so that it takes less than a hundredth of a core.

However large a cluster is and however many pages are open, what was made last is good for 200 times as long as it took:
the answers themselves take something, too. But nobody waits longer for news than `longest`, and nothing is made more
often than every `shortest` seconds.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

SHARE = 1 / 200


@dataclass
class Rest:
    """In seconds. What the database has to do meanwhile is not counted: it has cores of its own."""

    shortest: float
    longest: float
    has_failed: bool = False  # the work that it rests from
    _until: float = float("-inf")

    @property
    def is_over(self) -> bool:
        return time.monotonic() >= self._until

    def is_over_for(self, what: str) -> bool:
        """Whether `what` may be read anew. Raises RuntimeError while it rests from a failure."""
        if not self.is_over and self.has_failed:
            raise RuntimeError(f"{what} could not be read a moment ago: the log says why")
        return self.is_over

    @contextmanager
    def after(self) -> Iterator[None]:
        """Rest after this work, also where it fails: it would be tried again at every question."""
        began, worked = time.monotonic(), time.thread_time()
        self.has_failed = True
        try:
            yield
            self.has_failed = False
        finally:
            took = time.thread_time() - worked
            self._until = began + min(max(took / SHARE, self.shortest), self.longest)
