"""The three doors, schedule, UI and API, on a whole Airflow: a ring of its own, since windows take their time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.site import Clusters, Site, open_site

CLUSTERS: Clusters = {
    "nightly": (1, 2, {}),
    "nights": (1, 2, {}),
    "halted": (1, 2, {}),
    "closed": (1, 1, {}),
    "doors": (1, 2, {"timeouts": {"ready": 6}, "approval": "always"}),
}


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Everything runs, and every cluster has its DAG."""
    with open_site(tmp_path_factory.mktemp("doors"), CLUSTERS, {}) as running:
        yield running
