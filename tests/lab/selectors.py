"""Does an object match a label or field selector?"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from lab.statuses import bad_request

_SET = re.compile(r"^\s*([^\s!=]+)\s+(in|notin)\s+\(([^)]*)\)\s*$")
_SPLIT = re.compile(r",(?![^(]*\))")


def matches_labels(selector: str, labels: Mapping[str, str]) -> bool:
    return all(_label_term(term.strip(), labels) for term in _SPLIT.split(selector) if term.strip())


def _label_term(term: str, labels: Mapping[str, str]) -> bool:
    if found := _SET.match(term):
        key, operator, values = found.groups()
        listed = labels.get(key) in [value.strip() for value in values.split(",")]
        return listed if operator == "in" else not listed
    for operator in ("!=", "==", "="):
        if operator in term:
            key, _, value = (part.strip() for part in term.partition(operator))
            return (labels.get(key) == value) != (operator == "!=")
    return term[1:].strip() not in labels if term.startswith("!") else term in labels


def matches_fields(selector: str, item: Mapping[str, Any]) -> bool:
    return all(_field_term(term.strip(), item) for term in selector.split(",") if term.strip())


def _field_term(term: str, item: Mapping[str, Any]) -> bool:
    found = re.match(r"^([\w.]+)\s*(!=|==|=)\s*(.*)$", term)
    if found is None:
        raise bad_request(f"invalid field selector {term!r}")
    path, operator, wanted = found.groups()
    value: Any = item
    for part in path.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    return (str(value if value is not None else "") == wanted) != (operator == "!=")


def matches_selector(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """A ``LabelSelector`` of an object; an empty one matches everything, none matches nothing."""
    if selector is None:
        return False
    equal = all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
    return equal and all(_expression(one, labels) for one in selector.get("matchExpressions", []))


def _expression(one: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value, values = labels.get(one["key"]), one.get("values", [])
    return {
        "In": value in values,
        "NotIn": value not in values,
        "Exists": value is not None,
        "DoesNotExist": value is None,
    }[one["operator"]]
