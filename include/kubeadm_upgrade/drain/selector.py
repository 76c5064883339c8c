"""Label selectors, as a rule of a cluster's file writes them and as budgets have them.

https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_LABEL = r"[A-Za-z0-9]([\w./-]*[A-Za-z0-9])?"
_EQUALS = re.compile(rf"(?P<key>{_LABEL})\s*(?P<operator>==|=|!=)\s*(?P<value>({_LABEL})?)", re.ASCII)
_AMONG = re.compile(rf"(?P<key>{_LABEL})\s+(?P<operator>in|notin)\s+\((?P<values>[^()]*)\)", re.ASCII)
_THERE = re.compile(rf"(?P<not>!?)\s*(?P<key>{_LABEL})", re.ASCII)
_COMMA = re.compile(r",(?![^(]*\))")  # one between two terms, not one between two values


@dataclass(frozen=True)
class Term:
    """One thing that labels must be. `values` None: the key must be there, or must not."""

    key: str
    values: frozenset[str] | None = None
    is_not: bool = False

    def matches(self, labels: Mapping[str, str]) -> bool:
        found = self.key in labels if self.values is None else labels.get(self.key) in self.values
        return found is not self.is_not


@dataclass(frozen=True)
class Selector:
    """All of its terms must hold; one without any selects everything."""

    terms: tuple[Term, ...] = ()
    text: str = ""  # as somebody wrote it

    def matches(self, labels: Mapping[str, str]) -> bool:
        return all(term.matches(labels) for term in self.terms)


def parse_selector(text: str) -> Selector:
    """As `kubectl -l` takes it. Raises ValueError with a sentence."""
    return Selector(tuple(_term(part.strip()) for part in _COMMA.split(text)), text)


def selector_of(plain: Mapping[str, Any] | None) -> Selector | None:
    """A LabelSelector of an object; None where there is none, which selects nothing."""
    if plain is None:
        return None
    equal = [Term(key, frozenset({str(value)})) for key, value in (plain.get("matchLabels") or {}).items()]
    return Selector((*equal, *map(_expression, plain.get("matchExpressions") or ())))


def _term(part: str) -> Term:
    if found := _AMONG.fullmatch(part):
        values = frozenset(value.strip() for value in found["values"].split(","))
        return Term(found["key"], values, found["operator"] == "notin")
    if found := _EQUALS.fullmatch(part):
        return Term(found["key"], frozenset({found["value"]}), found["operator"] == "!=")
    if found := _THERE.fullmatch(part):
        return Term(found["key"], is_not=bool(found["not"]))
    raise ValueError(f"{part!r} is no label selector: write it as kubectl -l takes it, such as app=db,tier!=cache")


def _expression(plain: Mapping[str, Any]) -> Term:
    operator = plain["operator"]
    values = frozenset(map(str, plain.get("values") or ())) if operator in ("In", "NotIn") else None
    return Term(str(plain["key"]), values, operator in ("NotIn", "DoesNotExist"))
