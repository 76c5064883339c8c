"""How does the apiserver read a query parameter?"""

from __future__ import annotations


def is_true(value: str | None) -> bool:
    """As Go's strconv.ParseBool; the Python client says "True"."""
    return value in ("1", "t", "T", "true", "True", "TRUE")
