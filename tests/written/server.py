"""An API server of its own, over a database that tests fill: real HTTP, Airflow's own login, rights and middleware."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
from sqlalchemy import Engine, create_engine

from harness.airflow import API_SERVER, REPOSITORY, AirflowInstance
from harness.settings import DATABASE
from written.rights import STRANGER, WITHOUT, OneDagForStrangers

ADMIN, VIEWER = "admin", "viewer"
_USERS = {ADMIN: "admin", VIEWER: "viewer", STRANGER: "viewer", **dict.fromkeys(WITHOUT, "viewer")}


@dataclass(frozen=True)
class Server:
    """Where it answers, and the database behind it."""

    airflow: AirflowInstance
    database: Engine

    def client(self, user: str | None) -> httpx.Client:
        """A browser's: the token is a cookie. Nobody's, where no user is named."""
        cookies = {"_token": self.airflow.token(user)} if user else {}
        return httpx.Client(base_url=self.airflow.url, cookies=cookies, trust_env=False, timeout=60)


@contextmanager
def serving(home: Path) -> Iterator[Server]:
    """Only the API server runs: nobody but the test writes."""
    python_path = ":".join(str(REPOSITORY / room) for room in ("include", "tests"))
    manager = f"{OneDagForStrangers.__module__}.{OneDagForStrangers.__qualname__}"
    environment = {"PYTHONPATH": python_path, "AIRFLOW__CORE__AUTH_MANAGER": manager}
    airflow = AirflowInstance(home, environment, users=_USERS)
    try:
        airflow.prepare()
        airflow.start_component(API_SERVER)
        airflow.wait_healthy(API_SERVER)
        yield Server(airflow, create_engine(f"sqlite:///{home / DATABASE}?timeout=60"))
    finally:
        airflow.stop()
