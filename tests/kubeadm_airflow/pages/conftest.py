"""One API server for all pages, and a run that it can show."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine

from kubeadm_upgrade import report
from written.database import empty_database, write_dag, write_run, write_tasks, write_xcoms
from written.rights import OPEN
from written.run import MadeUpRun
from written.server import Server, serving

RUN_ID = "to-1.29"


@pytest.fixture
def reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No report is there but those that a test writes."""
    monkeypatch.setenv(report.DIRECTORY_VARIABLE, str(tmp_path))


@pytest.fixture(scope="module")
def empty() -> Engine:
    return empty_database()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serving(tmp_path_factory.mktemp("pages")) as running:
        yield running


@pytest.fixture(scope="session")
def shown(server: Server) -> MadeUpRun:
    """A small cluster in the middle of its workers, and another that everybody may see."""
    run = MadeUpRun("prod", workers=6, done=2, moving=2)
    with server.database.begin() as database:
        write_dag(database, run.dag_id, ["kubeadm-upgrade", "env:prod"])
        write_dag(database, OPEN, ["kubeadm-upgrade"])
        write_run(database, run.dag_id, RUN_ID, "running", conf={"target_version": "1.29"})
        write_tasks(database, run.dag_id, RUN_ID, run.tasks())
        write_xcoms(database, run.dag_id, RUN_ID, run.xcoms())
    return run


@dataclass(frozen=True)
class Visitors:
    """One browser each."""

    admin: httpx.Client
    viewer: httpx.Client
    stranger: httpx.Client
    nobody: httpx.Client


@pytest.fixture(scope="session")
def visitors(server: Server) -> Iterator[Visitors]:
    clients = Visitors(*(server.client(user) for user in ("admin", "viewer", "stranger", None)))
    yield clients
    for client in vars(clients).values():
        client.close()
