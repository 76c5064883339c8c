"""What Prometheus answers to an instant query, and why that is no pass.

https://prometheus.io/docs/prometheus/latest/querying/api/#instant-queries
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

PATH = "/api/v1/query"
_MOST = 200


def why_not(answer: object) -> str:
    """Empty where it passes: it has samples, and none of them is 0 or no number."""
    try:
        samples = list(_samples(answer))
    except (KeyError, TypeError, ValueError, IndexError):
        return "its answer is none of Prometheus' (/api/v1/query)"
    if not samples:
        return "it has no result, and what nobody has seen is not well"
    failing = [what for what, value in samples if math.isnan(value) or value == 0]
    return f"it is 0 for {', '.join(failing)}"[:_MOST] if failing else ""


def _samples(answer: Any) -> Iterator[tuple[str, float]]:
    """What each is of, and its value."""
    if answer["status"] != "success":
        raise ValueError("an error")
    kind, result = answer["data"]["resultType"], answer["data"]["result"]
    if kind == "scalar":
        yield "the scalar", float(result[1])
    elif kind == "vector":
        for one in result:
            labels = ", ".join(f"{name}={value}" for name, value in sorted(one["metric"].items()))
            yield f"{{{labels}}}", float(one["value"][1])
    else:
        raise ValueError(kind)
