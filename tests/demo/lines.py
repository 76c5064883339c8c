"""The demo where there is no terminal: a line for everything that is over."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from datetime import datetime

from demo.door import Row
from demo.stopwatch import elapsed
from kubeadm_upgrade.commands.watching import Json

_OVER = {"done": "done", "unchanged": "done", "failed": "FAILED", "skipped": "skipped"}


class Lines:
    """Prints each hop when it begins, and every task once per try, when it is over."""

    def __init__(self) -> None:
        self._started = time.monotonic()
        self._told: set[tuple[str, str, int, int]] = set()
        self._hop = ""

    def say(self, what: str) -> None:
        print(f"{elapsed(self._started):>6}  {what}", flush=True)

    def tell(self, rows: Iterable[Row]) -> None:
        """Where something is: a line each, whole, so that it can be copied."""
        for name, text in rows:
            self.say(f"{name:<11} {text}")

    def show(self, board: Json, now: datetime, wrong: str) -> None:
        if board["path"] and board["run_id"] != self._hop:
            self._hop = board["run_id"]
            self.say(" → ".join(("path", board["path"][0]["from"], *(stage["to"] for stage in board["path"]))))
        for node, cell in _cells(board):
            key = board["run_id"], cell["task"], cell["map_index"], cell["try"]
            if cell["state"] in _OVER and key not in self._told:
                self._told.add(key)
                step = cell["task"].rpartition(".")[2]
                self.say(f"{len(self._told):>3}  {node:<11} {step:<28} {_OVER[cell['state']]}")


def _cells(board: Json) -> Iterator[tuple[str, Json]]:
    yield from (("", cell) for cell in board["run_tasks"])
    yield from ((row["name"], cell) for row in board["nodes"] for cell in row["cells"])
