"""What matters of a long output: the lines in which a program says why it failed."""

from __future__ import annotations

import re

_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_SPEAKS_OF_FAILURE = re.compile(
    r"\b(fatal|error|failed|couldn't|cannot|timed out|refus|denied|no space)", re.IGNORECASE
)
_MOST_LINES = 8


def plain(text: str) -> str:
    """Without the colours that a program writes for a terminal."""
    return _ESCAPE.sub("", text)


def essence(text: str, most: int = _MOST_LINES) -> str:
    """The lines that speak of a failure, in their order; its last lines where none does."""
    lines = [line.strip() for line in plain(text).splitlines() if line.strip()]
    telling = [line for line in lines if _SPEAKS_OF_FAILURE.search(line)]
    return "; ".join((telling or lines)[-most:])
