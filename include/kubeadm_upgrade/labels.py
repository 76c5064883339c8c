"""Labels of a cluster: Kubernetes' own syntax, and how Airflow shows them, as tags `key:value`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated

from pydantic import Field

_NAME = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_DOMAIN = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*"
KEY = rf"^({_DOMAIN}/)?{_NAME}$"
VALUE = rf"^({_NAME})?$"
LONGEST_TAG = 100  # Airflow's own limit

Labels = dict[Annotated[str, Field(pattern=KEY)], Annotated[str, Field(pattern=VALUE)]]


def check_labels(labels: Mapping[object, object]) -> None:
    """Raises ValueError, with a sentence on the first that is none. One that is no text is pydantic's to name."""
    for key, value in labels.items():
        if isinstance(key, str) and not re.fullmatch(KEY, key):
            raise ValueError(
                f"{key!r} names no label: letters, digits, '-', '_' and '.', a letter or digit at both ends, at most "
                "63 of them, and perhaps a domain and '/' before them"
            )
        if isinstance(value, str) and not re.fullmatch(VALUE, value):
            raise ValueError(
                f"{key}: {value!r} is no value of a label: letters, digits, '-', '_' and '.', a letter or digit at "
                "both ends, at most 63 of them, or nothing"
            )
        if len(f"{key}:{value}") > LONGEST_TAG:
            raise ValueError(f"{key}: name and value have more than {LONGEST_TAG - 1} letters together")


def tags_of(labels: Mapping[str, str]) -> list[str]:
    return [f"{key}:{value}" for key, value in labels.items()]


def labels_in(tags: Iterable[str]) -> dict[str, str]:
    """Those among the tags of a DAG: no name of a label holds a colon, and no other tag of ours does."""
    return dict(sorted(tag.split(":", 1) for tag in tags if ":" in tag))
