"""One Airflow of our own: four components, each a process to be started, killed and stopped by itself."""

from __future__ import annotations

import json
import os
import secrets
import socket
import sqlite3
import subprocess
import sys
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Self

import httpx

from harness.rest import AirflowApi
from harness.sessions import Guard, Session
from harness.settings import DATABASE, REPOSITORY, airflow_environment, database_url

API_SERVER, SCHEDULER, DAG_PROCESSOR, TRIGGERER = "api-server", "scheduler", "dag-processor", "triggerer"
COMPONENTS = (API_SERVER, SCHEDULER, DAG_PROCESSOR, TRIGGERER)
USER = "admin"
ONLY_ADMIN: Mapping[str, str] = MappingProxyType({USER: "admin"})  # name -> role

_HEALTH_KEYS = {
    SCHEDULER: "scheduler",
    TRIGGERER: "triggerer",
    DAG_PROCESSOR: "dag_processor",
}
# As these components call themselves in the table of jobs.
_JOB_TYPES = {SCHEDULER: "SchedulerJob", TRIGGERER: "TriggererJob", DAG_PROCESSOR: "DagProcessorJob"}
_LOG_LINES = 15
_POLL = 0.2


class AirflowNotStarted(Exception):
    """Says which component, and the end of its log."""


class AirflowInstance:
    """LocalExecutor, and SQLite where `environment` names no other database, under `home`.

    Nothing of it listens beyond loopback.

    `environment` (inventory, connections, settings) goes over what `settings.airflow_environment` says. `users`: who
    may log in, and their roles; the admin is one of them.
    """

    def __init__(
        self,
        home: Path,
        environment: Mapping[str, str] | None = None,
        *,
        port: int | None = None,
        users: Mapping[str, str] = ONLY_ADMIN,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.home = home
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.user = USER
        self.passwords = {name: secrets.token_urlsafe(9) for name in users}
        self.password = self.passwords[USER]
        roles = ",".join(f"{name}:{role}" for name, role in users.items())
        known = {"AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": roles}
        self.environment = {**airflow_environment(home, self.url, _secrets()), **known, **(environment or {})}
        self._say = say
        self._prepared = False
        self._guard: Guard | None = None
        self._running: dict[str, Session] = {}
        self.api = AirflowApi(self.url, self.user, self.password)

    def token(self, user: str = USER) -> str:
        """As the login hands it to a browser."""
        credentials = {"username": user, "password": self.passwords[user]}
        answer = httpx.post(f"{self.url}/auth/token", json=credentials, trust_env=False, timeout=60)
        return str(answer.json()["access_token"])

    def api_as(self, user: str) -> AirflowApi:
        """Whoever asks for it closes it."""
        return AirflowApi(self.url, user, self.passwords[user])

    @property
    def logs(self) -> Path:
        """Where the components' own output is; what tasks log is asked of the API."""
        return self.home / "components"

    @property
    def reports(self) -> Path:
        return Path(self.environment["KUBEADM_UPGRADE_REPORTS"])

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def prepare(self) -> None:
        """The database. Needs no more of `environment` than this class puts there itself, and says nothing."""
        self.home.mkdir(parents=True, exist_ok=True)
        self._write_password()
        self._run_once("db", "migrate")
        if self._is_sqlite:
            self._let_readers_pass_writers()
        self._prepared = True

    def start(self, patience: float = 180.0, opened: Callable[[], None] = lambda: None) -> None:
        """Returns when tasks can run: all components healthy, the first slow call to the API server made.

        `opened` is called once, as soon as a person can log in.
        """
        try:
            if not self._prepared:
                self._say("preparing Airflow's database")
                self.prepare()
            self._say("starting Airflow")
            self._start_components(time.monotonic() + patience, opened)
            self.wait_healthy(patience=patience)
        except BaseException:
            self.stop()
            raise

    def _start_components(self, deadline: float, opened: Callable[[], None]) -> None:
        """The API server takes longest, on one core. All of them begin with importing Airflow: each of the others waits
        for one of the cores that are left, or together they would take the API server's."""
        self.start_component(API_SERVER)
        waiting, starting, is_open = [DAG_PROCESSOR, SCHEDULER, TRIGGERER], list[str](), False
        while waiting or not is_open:
            starting = [name for name in starting if not self._has_begun(name)]
            if waiting and len(starting) < max(1, (os.cpu_count() or 1) - 1):
                starting.append(waiting.pop(0))
                self.start_component(starting[-1])
            if not is_open and self._is_open():
                is_open = True
                opened()
            self._raise_if_ended(*self._running)
            if time.monotonic() > deadline:
                return  # wait_healthy says which one
            time.sleep(_POLL)

    def start_component(self, name: str) -> None:
        """Does not wait for it: see `wait_healthy`."""
        if self._guard is None:
            self._guard = Guard()
        self._running[name] = Session(
            _command(name, self.port), self._environment_of(name), self.logs / f"{name}.log", self._guard, self.home
        )

    def wait_healthy(self, *names: str, patience: float = 120.0) -> None:
        """Wait until these components (default: all) have said so themselves, after their last start."""
        deadline = time.monotonic() + patience
        while waiting := [name for name in names or COMPONENTS if not self._is_healthy(name)]:
            self._raise_if_ended(*waiting)
            if time.monotonic() > deadline:
                name = waiting[0]
                raise AirflowNotStarted(
                    f"Airflow's {name} is not healthy after {patience:.0f} s.\n{self._running[name].end_of_log()}"
                )
            time.sleep(_POLL)

    def pid(self, name: str) -> int:
        """The component's first process, which leads its session."""
        return self._running[name].pid

    def kill(self, name: str) -> None:
        """SIGKILL a component with all its processes: the scheduler's are the workers and their tasks."""
        self._running.pop(name).kill()

    def stop_component(self, name: str) -> None:
        self._running.pop(name).stop()

    def stop(self) -> None:
        """Everything ends, also what a component left behind."""
        for session in self._running.values():
            session.ask_to_end()
        deadline = time.monotonic() + 10
        for session in self._running.values():
            session.stop(max(0.1, deadline - time.monotonic()))
        self._running.clear()
        self.api.close()
        if self._guard is not None:
            self._guard.close()
            self._guard = None

    def _is_healthy(self, name: str) -> bool:
        try:
            if name == API_SERVER:
                # the first call to this one builds the execution API, which no task would wait for
                return httpx.get(f"{self.url}/execution/health", timeout=30, trust_env=False).is_success
            started = self._running[name].started
            return self.api.is_healthy(_HEALTH_KEYS[name], since=started)
        except httpx.HTTPError:
            return False

    def _is_open(self) -> bool:
        """A person can log in; what tasks need of the API server may still be missing."""
        try:
            return httpx.get(f"{self.url}/api/v2/version", timeout=2, trust_env=False).is_success
        except httpx.HTTPError:
            return False

    def _has_begun(self, name: str) -> bool:
        """Through with its imports, by the row that it then writes: the API server may not be there to be asked."""
        from sqlalchemy import create_engine, text  # late: the demo begins with this module

        started = datetime.fromtimestamp(self._running[name].started, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
        query = text("SELECT count(*) FROM job WHERE job_type = :kind AND start_date >= :started")
        engine = create_engine(self._database)
        with engine.connect() as database:
            found = database.execute(query, {"kind": _JOB_TYPES[name], "started": started}).scalar()
        engine.dispose()
        return bool(found)

    def _raise_if_ended(self, *names: str) -> None:
        for name in names:
            if self._running[name].exit_code is not None:
                raise AirflowNotStarted(f"Airflow's {name} has ended.\n{self._running[name].end_of_log()}")

    def _run_once(self, *arguments: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "airflow", *arguments],
            env=self.environment,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            end = "\n".join((done.stdout + done.stderr).splitlines()[-_LOG_LINES:])
            raise AirflowNotStarted(f"airflow {' '.join(arguments)} has failed.\n{end}")

    def _environment_of(self, name: str) -> dict[str, str]:
        """The API server must wait for SQLite only shortly.

        It commits its audit log inside its event loop (Airflow 3.3.2) and answers nobody meanwhile. If a request of its
        own holds the lock, both wait for each other until the patience ends. Whoever is turned away asks again.
        """
        if name != API_SERVER or not self._is_sqlite:
            return self.environment
        return {**self.environment, "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database_url(self.home, patience=5)}

    @property
    def _database(self) -> str:
        return self.environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]

    @property
    def _is_sqlite(self) -> bool:
        return self._database.startswith("sqlite")

    def _let_readers_pass_writers(self) -> None:
        """The journal's mode stays with the file. In the default one a commit waits for every reader, and readers for
        it: with five components that never rest, one can starve."""
        with closing(sqlite3.connect(self.home / DATABASE)) as database:
            database.execute("PRAGMA journal_mode=WAL")

    def _write_password(self) -> None:
        path = Path(self.environment["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE"])
        path.touch(mode=0o600)
        path.write_text(json.dumps(self.passwords))


def free_port() -> int:
    """A loopback port that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _command(name: str, port: int) -> list[str]:
    airflow = [sys.executable, "-m", "airflow", name]
    match name:
        case "api-server":
            return [*airflow, "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
        case "scheduler" | "triggerer":
            # their log servers would listen on every address, and all logs are in one place here
            return [*airflow, "--skip-serve-logs"]
        case _:
            return airflow


def _secrets() -> dict[str, str]:
    return {
        "fernet_key": urlsafe_b64encode(os.urandom(32)).decode(),
        "secret_key": secrets.token_hex(32),
        "jwt_secret": secrets.token_hex(32),
    }


__all__ = ["COMPONENTS", "REPOSITORY", "AirflowInstance", "AirflowNotStarted", "free_port"]
