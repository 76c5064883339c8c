"""A lab, a real Airflow that upgrades its clusters, and browsers in which two people look at it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

# Before anything that needs it: whoever lacks it is told so, and nothing else of this folder is read.
pytest.importorskip("playwright", reason="make test-browser installs what is missing")

from playwright.sync_api import Browser

from browser.chromium import running
from browser.visitor import Visitor
from harness.site import Clusters, Site, open_site

CLUSTERS: Clusters = {
    "shop": (1, 4, {"max_unavailable": 2, "labels": {"env": "prod", "region": "eu-1"}}),
    "mail": (1, 3, {"timeouts": {"ready": 6}, "labels": {"env": "prod", "region": "us-2"}}),
    "lab": (1, 1, {"labels": {"env": "test"}}),
}
BROKEN = {"typo": {"max_unavailble": 2}}
USERS = {"admin": "admin", "viewer": "viewer"}


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with open_site(tmp_path_factory.mktemp("site"), CLUSTERS, BROKEN, users=USERS) as up:
        yield up


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with running() as one:
        yield one


@pytest.fixture(scope="session")
def admin(site: Site, browser: Browser) -> Iterator[Visitor]:
    """May do everything."""
    with Visitor.logged_in(browser, site.airflow, "admin") as visitor:
        yield visitor


@pytest.fixture(scope="session")
def viewer(site: Site, browser: Browser) -> Iterator[Visitor]:
    """May read everything, and do nothing."""
    with Visitor.logged_in(browser, site.airflow, "viewer") as visitor:
        yield visitor
