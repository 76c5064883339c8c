"""One lab and one real Airflow for all whole-system tests: scheduler, triggerer, DAG processor and API server."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from e2e.first_hour import make_mistakes
from harness.site import Clusters, Site, open_site

# control plane nodes, workers, and what the cluster's file says beyond the smallest one
CLUSTERS: Clusters = {
    "one": (1, 3, {}),
    "two": (3, 4, {"max_unavailable": 2}),
    "half": (1, 4, {"max_unavailable": "50%", "workers_per_run": 3}),
    "stuck": (1, 3, {"timeouts": {"ready": 6}}),
    "killed": (1, 2, {}),
    "mute": (1, 2, {}),
    "climb": (1, 3, {"max_unavailable": 2}),
    "edited": (1, 2, {}),
    "stranger": (1, 1, {"ssh": {"known_hosts": "/dev/null"}}),
    "novice": (1, 1, {}),
}

# One file for each of three mistakes: an unknown key, a bad version, a wrong type.
BROKEN = {
    "broken-key": {"max_unavailble": 2},
    "broken-version": {"target_version": "latest"},
    "broken-type": {"nodes": ["w1", "w2"]},
}


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Everything runs, and every cluster has its DAG."""
    with open_site(tmp_path_factory.mktemp("site"), CLUSTERS, BROKEN, make_mistakes) as running:
        yield running


@pytest.fixture(scope="session")
def climbing(site: Site) -> tuple[str, str]:
    """The first run of a path from 1.28 to 1.32. It takes minutes: whoever is first to use the site starts it."""
    return site.start("climb", target_version="1.32")
