"""What matters of a long output: the lines in which a program says why it failed."""

from __future__ import annotations

import re

# Control sequences, strings (titles, links) and single escapes by ECMA-48, in both of its codings; any may be cut off
_ESCAPE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]"
    r"|(?:\x1b[\]PX^_]|[\x9d\x90\x98\x9e\x9f])[^\x07\x1b\x9c\n]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]?"
    r"|\x9b"
)
_SPEAKS_OF_FAILURE = re.compile(
    r"\b(fatal|error|failed|couldn't|cannot|timed out|refus|denied|no space)", re.IGNORECASE
)
_MOST_LINES = 8


def plain(text: str) -> str:
    """Without the colours, titles and links that a program writes for a terminal."""
    return _ESCAPE.sub("", text)


def essence(text: str, most: int = _MOST_LINES) -> str:
    """kubeadm's own [ERROR …] lines first, then the others that speak of a failure; the last lines where none does."""
    lines = [line.strip() for line in plain(text).splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("[ERROR")][:most]
    telling = [line for line in lines if _SPEAKS_OF_FAILURE.search(line) and line not in errors]
    others = telling if telling or errors else lines
    return "; ".join((*errors, *others[len(others) - min(len(others), most - len(errors)) :]))
