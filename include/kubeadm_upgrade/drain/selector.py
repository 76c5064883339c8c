"""Label selectors, as a rule of a cluster's file writes them and as budgets have them.

https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kubeadm_upgrade.labels import KEY, VALUE

_WORD = r"[\w./-]+"  # what it may be as a key or a value is judged apart
_EQUALS = re.compile(rf"(?P<key>{_WORD})\s*(?P<operator>==|=|!=)\s*(?P<values>({_WORD})?)", re.ASCII)
_AMONG = re.compile(rf"(?P<key>{_WORD})\s+(?P<operator>in|notin)\s*\(\s*(?P<values>[^()]*)\)", re.ASCII)
_THERE = re.compile(rf"(?P<not>!?)\s*(?P<key>{_WORD})", re.ASCII)
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
        values = frozenset(value.strip() for value in found["values"].split(",")) if found["values"] else frozenset()
        return _checked(part, Term(found["key"], values, found["operator"] == "notin"))
    if found := _EQUALS.fullmatch(part):
        return _checked(part, Term(found["key"], frozenset({found["values"]}), found["operator"] == "!="))
    if found := _THERE.fullmatch(part):
        return _checked(part, Term(found["key"], is_not=bool(found["not"])))
    raise _no_selector(part)


def _checked(part: str, term: Term) -> Term:
    """A key must be a label's name, and values a label's, of which a list has at least one."""
    values = term.values is None or (term.values and all(re.fullmatch(VALUE, value) for value in term.values))
    if not values or not re.fullmatch(KEY, term.key):
        raise _no_selector(part)
    return term


def _no_selector(part: str) -> ValueError:
    return ValueError(f"{part!r} is no label selector: write it as kubectl -l takes it, such as app=db,tier!=cache")


def _expression(plain: Mapping[str, Any]) -> Term:
    operator = plain["operator"]
    values = frozenset(map(str, plain.get("values") or ())) if operator in ("In", "NotIn") else None
    return Term(str(plain["key"]), values, operator in ("NotIn", "DoesNotExist"))
