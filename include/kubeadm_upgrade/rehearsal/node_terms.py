"""Which nodes a required node affinity lets: of a Pod, or of the volume that it needs.

https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#node-affinity
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Json = Mapping[str, Any]
_NAME = "metadata.name"  # the one field that may be matched


@dataclass(frozen=True)
class Demand:
    """One thing that a label of a node must be."""

    key: str
    operator: str
    values: tuple[str, ...] = ()

    def met(self, labels: Mapping[str, str]) -> bool:
        """An operator that is not known counts as met: no node is ruled out by what was not understood."""
        value = labels.get(self.key)
        match self.operator:
            case "In":
                return value in self.values
            case "NotIn":
                return value not in self.values
            case "Exists":
                return value is not None
            case "DoesNotExist":
                return value is None
            case "Gt" | "Lt":
                return self._compared(value)
            case _:
                return True

    def _compared(self, value: str | None) -> bool:
        try:
            there, wanted = int(value or ""), int(self.values[0])
        except (ValueError, IndexError):
            return False
        return there > wanted if self.operator == "Gt" else there < wanted


Term = tuple[Demand, ...]  # all of them; an empty one matches nothing
Terms = tuple[Term, ...]  # any of them


def read_terms(selector: Json | None) -> Terms | None:
    """A NodeSelector; None where there is none, which lets every node."""
    if selector is None:
        return None
    return tuple(
        tuple(
            Demand(one["key"], one["operator"], tuple(map(str, one.get("values") or ())))
            for one in (*(term.get("matchExpressions") or ()), *(term.get("matchFields") or ()))
        )
        for term in selector.get("nodeSelectorTerms") or ()
    )


def let(terms: Terms | None, name: str, labels: Mapping[str, str]) -> bool:
    """Whether the node with this name and these labels is one of them."""
    if terms is None:
        return True
    known = {**labels, _NAME: name}
    return any(bool(term) and all(demand.met(known) for demand in term) for term in terms)
