"""The demo where there is no terminal: a line for everything that is over."""

from __future__ import annotations

import time

from demo.progress import Progress
from demo.stopwatch import elapsed
from harness.rest import TaskInstance

_OVER = {"success": "done", "failed": "FAILED", "skipped": "skipped"}


class Lines:
    """Prints every task once per try, when it is over."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._told: set[tuple[str, int, int]] = set()

    def say(self, what: str) -> None:
        print(f"{elapsed(self._started):>6}  {what}", flush=True)

    def show(self, progress: Progress, words: str) -> None:
        over = [task for task in progress.tasks if task.state in _OVER and _key(task) not in self._told]
        for task in sorted(over, key=lambda task: task.ended.timestamp() if task.ended else 0.0):
            self._told.add(_key(task))
            node = task.label or ""
            count = f"{len(self._told):>3}/{progress.steps_in_all}"
            self.say(f"{count}  {node:<11} {task.step:<28} {_OVER[task.state or '']}")


def _key(task: TaskInstance) -> tuple[str, int, int]:
    return task.task_id, task.map_index, task.try_number
