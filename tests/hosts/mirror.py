"""Where does this machine get its Debian packages from? Images are built from the same place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

APT = Path("/etc/apt")
SUITE = "bookworm"


def debian_mirror(apt: Path = APT) -> str | None:
    """The first URL of an entry for our suite; None where this machine's apt knows none."""
    return next((url for path in _files(apt) for url in _urls(path.read_text())), None)


def _files(apt: Path) -> Iterator[Path]:
    yield from (path for path in (apt / "sources.list",) if path.is_file())
    yield from sorted(apt.glob("sources.list.d/*.list"))
    yield from sorted(apt.glob("sources.list.d/*.sources"))


def _urls(text: str) -> Iterator[str]:
    one_line = re.compile(rf"^deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+{SUITE}\s+.*\bmain\b", re.MULTILINE)
    yield from one_line.findall(text)
    for stanza in re.split(r"\n\s*\n", text):
        fields = dict(re.findall(r"^(\w[\w-]*):\s*(.+)$", stanza, re.MULTILINE))
        if SUITE in fields.get("Suites", "").split() and "main" in fields.get("Components", "").split():
            yield from fields.get("URIs", "").split()
