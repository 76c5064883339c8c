"""Watches sessions for a parent that may die; run as a program by `sessions.Guard`."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

# Run as a file: this folder's parent is what makes `harness` importable.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from harness.sessions import end_session


def main() -> None:
    """`+PID` and `-PID` lines on standard input; at its end, the sessions not taken back are ended."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    watched: dict[int, None] = {}
    for line in sys.stdin:
        leader = int(line[1:])
        if line.startswith("+"):
            watched[leader] = None
        else:
            watched.pop(leader, None)
    for leader in watched:
        end_session(leader)


if __name__ == "__main__":
    main()
