"""A lab, a real Airflow that upgrades its clusters, and browsers in which two people look at it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.site import Clusters, Site, open_site

if TYPE_CHECKING:
    from playwright.sync_api import Browser

    from browser.visitor import Visitor

# What drives a browser is installed by make test-browser only: without it these tests are nobody's.
collect_ignore_glob = [] if find_spec("playwright") else ["test_*.py"]

IN_DAYS = (datetime.now(UTC) + timedelta(days=9)).strftime("%Y-%m-%dT21:00:00Z")
CLUSTERS: Clusters = {
    "shop": (1, 4, {"max_unavailable": 2, "labels": {"env": "prod", "region": "eu-1"}}),
    "mail": (1, 3, {"timeouts": {"ready": 6}, "labels": {"env": "prod", "region": "us-2"}}),
    "lab": (1, 1, {"labels": {"env": "test"}}),
    "bank": (1, 2, {"approval": {"when": "always", "approvers": ["admin"]}}),
    "night": (1, 2, {"windows": {"timezone": "Europe/Berlin", "once": [{"start": IN_DAYS, "duration": "4h"}]}}),
}
BROKEN = {"typo": {"max_unavailble": 2}}
USERS = {"admin": "admin", "viewer": "viewer"}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    from browser.chromium import running

    with running() as one:
        yield one


@pytest.fixture(scope="session")
def site(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Only where there is a browser to look at it."""
    with open_site(tmp_path_factory.mktemp("site"), CLUSTERS, BROKEN, users=USERS) as up:
        yield up


@pytest.fixture(scope="session")
def admin(site: Site, browser: Browser) -> Iterator[Visitor]:
    """May do everything."""
    from browser.visitor import Visitor

    with Visitor.logged_in(browser, site.airflow, "admin") as visitor:
        yield visitor


@pytest.fixture(scope="session")
def viewer(site: Site, browser: Browser) -> Iterator[Visitor]:
    """May read everything, and do nothing."""
    from browser.visitor import Visitor

    with Visitor.logged_in(browser, site.airflow, "viewer") as visitor:
        yield visitor


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where those go that are not to be taken anew for docs/."""
    return tmp_path_factory.mktemp("pictures")
