"""One lab of clusters that fall ill, and one real Airflow: a ring of its own, since it takes minutes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.site import Clusters, Site, open_site

# two workers at least: where there is one, its Pods have nowhere to go, and their budgets do not let them
CLUSTERS: Clusters = {
    "ha": (3, 2, {}),
    "german": (1, 2, {}),
    "reboot": (1, 2, {}),
    "moving": (1, 3, {}),
    "given": (1, 3, {"timeouts": {"ready": 6}}),
    "held": (1, 2, {}),
    "marked": (1, 2, {}),
    "old": (1, 2, {}),
    "agreed": (1, 2, {"drain": {"deadline": "4s"}}),
}


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Everything runs, and every cluster has its DAG."""
    with open_site(tmp_path_factory.mktemp("trouble"), CLUSTERS, {}) as running:
        yield running
