"""No reader raises anything but UnreadableOutput: what somebody else has written may be anything."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any, TypeVar

import yaml

from kubeadm_upgrade.errors import UnreadableOutput

T = TypeVar("T")

# What a reader raises over a text or an object that is not as it expects. Any other error is a mistake of ours.
STUMBLES = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError, yaml.YAMLError)
_LONGEST = 200  # of what is quoted


@contextmanager
def reading(what: str) -> Iterator[None]:
    """Whatever goes wrong with reading `what` is said of it; the reader's own error stays as the cause."""
    try:
        yield
    except STUMBLES as error:
        raise UnreadableOutput(f"{what} cannot be read: {reason(error)}") from error


def read_output(read: Callable[[str], T], text: str, whose: str) -> T:
    """What a reader makes of a command's output. Raises UnreadableOutput with the first line that it stumbles at."""
    try:
        return read(text)
    except UnreadableOutput as error:
        raise UnreadableOutput(f"{whose}: {error}") from error
    except STUMBLES as error:
        line = _stumbled_at(read, text.splitlines(keepends=True))
        said = f"printed {line.strip()[:_LONGEST]!r}" if line.strip() else "printed nothing"
        raise UnreadableOutput(f"{whose} {said}, which cannot be read ({reason(error)})") from error


def reason(error: BaseException) -> str:
    """An error's words; a KeyError's are the key alone."""
    said = f"there is no {error}" if isinstance(error, KeyError) else " ".join(str(error).split())
    return said[:_LONGEST] or type(error).__name__


def name_of(item: object) -> str:
    """Of an object of the API, as far as it can be told of what may be anything."""
    meta = item.get("metadata") if isinstance(item, Mapping) else None
    meta = meta if isinstance(meta, Mapping) else {}
    return "/".join(str(meta[part]) for part in ("namespace", "name") if part in meta) or "(without a name)"


def moment(text: str | None) -> datetime | None:
    """A time as the API writes it; None where there is none."""
    return datetime.fromisoformat(text) if text else None


def condition(status: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """Of an object's conditions the one of this type; empty where nobody has set it."""
    return next((one for one in status.get("conditions", ()) if one["type"] == kind), {})


def _stumbled_at(read: Callable[[str], Any], lines: list[str]) -> str:
    """The line with which an output becomes unreadable; of one that is read as a whole, its first."""
    if not _is_readable(read, ""):
        return next((line for line in lines if line.strip()), "")
    readable, unreadable = 0, len(lines)
    while unreadable - readable > 1:
        middle = (readable + unreadable) // 2
        if _is_readable(read, "".join(lines[:middle])):
            readable = middle
        else:
            unreadable = middle
    return lines[readable] if lines else ""


def _is_readable(read: Callable[[str], Any], text: str) -> bool:
    try:
        read(text)
    except (*STUMBLES, UnreadableOutput):
        return False
    return True
