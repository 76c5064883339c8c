"""Names and numbers in sentences."""

from __future__ import annotations

from collections.abc import Sequence, Sized


def shortened(names: Sequence[str], shown: int = 5) -> str:
    """As many names as one reads, and how many more there are."""
    more = len(names) - shown
    text = ", ".join(names[:shown])
    return f"{text} and {more:,} more" if more > 0 else text


def agreeing(things: Sized, one: str, several: str) -> str:
    """The word that goes with as many things: `is` or `are`, `it` or `them`."""
    return one if len(things) == 1 else several


def count(number: int, thing: str) -> str:
    """`1 hop`, `2 hops`."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"
