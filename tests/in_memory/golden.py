"""Golden files: what people read, so that a change of any word shows in a diff. UPDATE_GOLDEN=1 writes them anew."""

from __future__ import annotations

import os
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[1] / "golden"


def assert_golden(name: str, text: str) -> None:
    """`name` is a path below tests/golden."""
    path = FOLDER / name
    if os.environ.get("UPDATE_GOLDEN"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert path.is_file(), f"there is no {path}: look at the text and run again with UPDATE_GOLDEN=1\n{text}"
    assert text == path.read_text()
