"""What holds for all tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes says more of what else the machine is doing than of the code: figures are for make bench.
settings.register_profile("steady", deadline=None)
settings.load_profile("steady")


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Airflow's own loader has loaded our plugin: only then does Airflow read and write a schedule of ours."""
    from airflow import plugins_manager
    from airflow import settings as airflow

    caches = (plugins_manager._get_plugins, plugins_manager.get_timetables_plugins)
    monkeypatch.setattr(airflow, "PLUGINS_FOLDER", str(Path(__file__).parent.parent / "plugins"))
    for cache in caches:
        cache.cache_clear()
    yield
    for cache in caches:
        cache.cache_clear()
