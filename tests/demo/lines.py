"""The demo where there is no terminal: a line for everything that is over."""

from __future__ import annotations

import time
from collections.abc import Iterable

from demo.door import Row
from demo.journey import Journey
from demo.progress import Progress
from demo.stopwatch import elapsed
from harness.rest import TaskInstance

_OVER = {"success": "done", "failed": "FAILED", "skipped": "skipped"}


class Lines:
    """Prints the path when it is known, each hop when it begins, and every task once per try, when it is over."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._told: set[tuple[int, str, int, int]] = set()
        self._summary = self._here = ""

    def say(self, what: str) -> None:
        print(f"{elapsed(self._started):>6}  {what}", flush=True)

    def tell(self, rows: Iterable[Row]) -> None:
        """Where something is: a line each, whole, so that it can be copied."""
        for name, text in rows:
            self.say(f"{name:<11} {text}")

    def show(self, progress: Progress, words: str) -> None:
        self._show_path(progress.journey)
        hop = progress.journey.over
        over = [task for task in progress.steps if task.state in _OVER and _key(hop, task) not in self._told]
        for task in sorted(over, key=lambda task: task.ended.timestamp() if task.ended else 0.0):
            self._told.add(_key(hop, task))
            node = task.label or ""
            count = f"{len(self._told):>3}/{progress.journey.steps}"
            self.say(f"{count}  {node:<11} {task.step:<28} {_OVER[task.state or '']}")

    def _show_path(self, journey: Journey) -> None:
        """Each only when it has changed: the first run's plan tells both, the others' only that they begin."""
        if journey.summary != self._summary:
            self._summary = journey.summary
            self.say(journey.summary)
        if journey.here != self._here:
            self._here = journey.here
            self.say(journey.here)


def _key(hop: int, task: TaskInstance) -> tuple[int, str, int, int]:
    return hop, task.task_id, task.map_index, task.try_number
