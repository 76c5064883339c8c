"""What somebody sees who looks again and again, as golden/*-timeline.txt was made: only changes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from lab import LabCluster
from test_lab.test_api import raw


def changes(look: Callable[[], object], until: Callable[[], object], seconds: float = 8.0) -> list[object]:
    """Different answers in order, until ``until`` says so."""
    seen: list[object] = []
    end = time.monotonic() + seconds
    while True:
        last = until()
        if (now := look()) not in seen[-1:]:
            seen.append(now)
        if last:
            return seen
        assert time.monotonic() < end, f"it did not become true in time: {seen}"
        time.sleep(0.002)


def answer(cluster: LabCluster, path: str, token: str | None = None) -> tuple[int, str]:
    """0 for a refused connection; the message of a Status; the checks of /readyz that fail."""
    try:
        code, body = raw(cluster, path, token)
    except OSError:
        return 0, "refused"
    if code == 500:
        return code, " ".join(line for line in body.splitlines() if line.startswith("[-]"))
    return (code, json.loads(body)["message"]) if code == 403 else (code, "")


def in_order(seen: list[object], wanted: list[object]) -> bool:
    """``wanted`` in this order among what was seen, with whatever between."""
    rest = iter(seen)
    return all(one in rest for one in wanted)
