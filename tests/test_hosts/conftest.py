"""What the ring of real hosts is made of; tested with it, for it needs the same tools: rpmbuild, createrepo_c."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker("hosts")
