"""What is known of each minor release, read from releases.yaml beside this file."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path

import yaml

OLDEST_SUPPORTED = (1, 22)


@cache
def end_of_life() -> Mapping[str, date]:
    """Minor release -> the day its support ended or will end."""
    facts = yaml.safe_load((Path(__file__).parent / "releases.yaml").read_text())
    return dict(facts["end_of_life"])


def ended(release: str, today: date) -> date | None:
    """The day on which support of this minor release ended, if it has by `today`."""
    day = end_of_life().get(release)
    return day if day is not None and day <= today else None
