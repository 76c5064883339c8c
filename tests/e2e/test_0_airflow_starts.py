"""The Airflow that all other tests here share: it is up, and has nothing to complain about."""

from __future__ import annotations

import psutil
import pytest

from harness.airflow import COMPONENTS
from harness.sessions import session_members

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


def test_every_component_is_healthy(site):
    site.airflow.wait_healthy(*COMPONENTS, patience=10)


def test_no_dag_file_fails_to_import(site):
    assert site.api.import_errors() == []


def test_no_plugin_fails_to_import(site):
    assert site.api.plugin_import_errors() == []


def test_nothing_listens_beyond_loopback(site):
    for component in COMPONENTS:
        for pid in session_members(site.airflow.pid(component)):
            for connection in psutil.Process(pid).net_connections("inet"):
                if connection.status == psutil.CONN_LISTEN:
                    assert connection.laddr.ip.startswith("127."), f"{component} listens on {connection.laddr}"
