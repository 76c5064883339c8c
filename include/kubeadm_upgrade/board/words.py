"""Times, lengths of time and long texts, as sentences and addresses hold them."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import quote


def at(moment: datetime, now: datetime) -> str:
    """`14:03 UTC`; with its day where that is another one."""
    moment = moment.astimezone(UTC)
    same_day = moment.date() == now.astimezone(UTC).date()
    return f"{moment:%H:%M} UTC" if same_day else f"{moment.day} {moment:%b %H:%M} UTC"


def lasting(seconds: float) -> str:
    """`40 seconds`, `12 minutes`, `1 h 20 min`, `3 days`: as exact as anybody asks."""
    if seconds < 90:
        return _count(round(seconds), "second")
    if seconds < 90 * 60:
        return _count(round(seconds / 60), "minute")
    if seconds < 48 * 3600:
        hours, minutes = divmod(round(seconds / 60), 60)
        return f"{hours} h {minutes:02} min" if minutes else f"{hours} h"
    return _count(round(seconds / 86400), "day")


def roughly(seconds: float) -> str:
    """An estimate, no more exact than it is."""
    if seconds < 90:
        return "about a minute"
    minutes = round(seconds / 60)
    step = 1 if minutes < 20 else 5 if minutes < 120 else 30
    return f"about {lasting(round(minutes / step) * step * 60)}"


def brief(text: str, most: int = 240) -> str:
    """The first line, and no more of it than fits a sentence: the whole is in the cell."""
    line = text.strip().splitlines()[0].strip() if text.strip() else ""
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"


def capital(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}"


def full_stop(text: str) -> str:
    """A text that was cut off ends where it was cut."""
    return text if text.endswith((".", "…")) else f"{text}."


def path_part(text: str) -> str:
    """An id in an address: whatever it holds, it stays in its place."""
    return quote(text, safe="", errors="replace")


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"
