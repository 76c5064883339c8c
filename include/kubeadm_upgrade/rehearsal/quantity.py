"""Amounts of resources as Kubernetes writes them: `250m`, `1.5`, `64Mi`, `1e3`.

https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from fractions import Fraction
from functools import lru_cache

Amounts = Mapping[str, int]  # resource -> thousandths of its unit

_WRITTEN = re.compile(r"(?P<number>[+-]?(?:\d+\.?\d*|\.\d+))(?P<unit>[a-zA-Z]{0,2}|[eE][+-]?\d+)", re.ASCII)
_BINARY = {f"{letter}i": 1024**power for power, letter in enumerate("KMGTPE", 1)}
_DECIMAL = {
    unit: Fraction(1000) ** power for power, unit in enumerate(("n", "u", "m", "", "k", "M", "G", "T", "P", "E"), -3)
}
_UNITS: Mapping[str, Fraction] = {**_DECIMAL, **{unit: Fraction(value) for unit, value in _BINARY.items()}}


@lru_cache(maxsize=4096)
def thousandths(written: str) -> int:
    """Rounded up, as Kubernetes does. Raises ValueError for what is no quantity."""
    found = _WRITTEN.fullmatch(written)
    if found is None:
        raise ValueError(f"{written!r} is no quantity")
    number, unit = Fraction(found["number"]), found["unit"]
    if unit in _UNITS:
        factor = _UNITS[unit]
    elif unit[:1] in ("e", "E") and unit[1:]:
        factor = Fraction(10) ** int(unit[1:])
    else:
        raise ValueError(f"{written!r} is no quantity: there is no unit {unit}")
    return math.ceil(number * factor * 1000)


def amounts(written: Mapping[str, object] | None) -> dict[str, int]:
    """A list of resources of an object."""
    return {name: thousandths(str(amount)) for name, amount in (written or {}).items()}


def added(some: Iterable[Amounts]) -> dict[str, int]:
    total: dict[str, int] = {}
    for one in some:
        for name, amount in one.items():
            total[name] = total.get(name, 0) + amount
    return total


def most(some: Iterable[Amounts]) -> dict[str, int]:
    """Of each resource the largest amount."""
    largest: dict[str, int] = {}
    for one in some:
        for name, amount in one.items():
            largest[name] = max(largest.get(name, 0), amount)
    return largest
