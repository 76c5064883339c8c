"""Machines of each test's own: what is tried here breaks hosts and repositories."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hosts.conftest import Machines, machines_of


@pytest.fixture
def machines(engine: None, tmp_path: Path) -> Iterator[Machines]:
    with machines_of(tmp_path) as found:
        yield found
