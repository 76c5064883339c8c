"""A PostgreSQL server of our own, for as long as a test runs: SQLite has one writer, and a large fleet has many."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

from harness.airflow import free_port

_PLACES = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
_FOUND = shutil.which("postgres", path=os.pathsep.join([*map(str, reversed(_PLACES)), os.environ.get("PATH", "")]))
_NOBODY_ELSE = "the server refuses root, and runs as this user"
_USER = "postgres"


def why_not() -> str | None:
    """Why there is none here, in words."""
    if _FOUND is None:
        return "no PostgreSQL server on this machine: install postgresql"
    if missing := [name for name in ("psycopg2", "asyncpg") if find_spec(name) is None]:
        return f"no {' and no '.join(missing)} in this environment: see requirements-scale.txt"
    if os.geteuid() == 0 and _USER not in {one.pw_name for one in pwd.getpwall()}:
        return f"there is no user {_USER}: {_NOBODY_ELSE}"
    return None


@contextmanager
def postgres() -> Iterator[str]:
    """The URL of an empty database, as Airflow takes it. The server listens on loopback alone."""
    assert _FOUND is not None
    directory, port = Path(tempfile.mkdtemp(prefix="postgres-")), free_port()
    whose = _USER if os.geteuid() == 0 else None
    if whose:
        shutil.chown(directory, whose)
    data, programs = directory / "data", Path(_FOUND).parent

    def run(*argv: str) -> None:
        subprocess.run(argv, user=whose, cwd=directory, check=True, capture_output=True, stdin=subprocess.DEVNULL)

    try:
        run(str(programs / "initdb"), "-D", str(data), "-U", "airflow", "--auth=trust", "-E", "UTF8", "--no-sync")
        options = f"-c listen_addresses=127.0.0.1 -p {port} -k {directory} -c max_connections=300"
        control = str(programs / "pg_ctl")
        run(control, "-D", str(data), "-w", "-l", str(directory / "log"), "-o", options, "start")
        try:
            yield f"postgresql+psycopg2://airflow@127.0.0.1:{port}/postgres"
        finally:
            run(control, "-D", str(data), "-m", "immediate", "stop")
    finally:
        shutil.rmtree(directory, ignore_errors=True)
