"""PYTHONPATH=tests python3 -m demo.first_task HEAD~9 HEAD: from `git clone` to the first task of make demo, in seconds.

Of each commit a clone with empty caches (cold), then another with what the first has left in them (warm). In the order
given and as often as asked, so that two commits are measured side by side: on a machine that does other things too,
compare the columns of CPU seconds. Needs the standard library only, as make demo does.
"""

from __future__ import annotations

import argparse
import os
import resource
import signal
import sqlite3
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

_PATIENCE = 900.0
_RUNNING = "SELECT count(*) FROM task_instance WHERE start_date IS NOT NULL"


@dataclass
class Figures:
    """Seconds since the clone began; `cpu` is everybody's, and ends a moment after the first task has begun."""

    first_line: float = 0.0
    installed: float = 0.0
    login: float = 0.0
    first_task: float = 0.0
    cpu: float = 0.0
    load: str = ""
    lines: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        seconds = (self.first_line, self.installed, self.login, self.first_task, self.cpu)
        return "".join(f"{value:>12.1f}" if value else f"{'-':>12}" for value in seconds) + f"{self.load:>8}"


def measure(repository: str, commit: str, folder: Path, caches: Path) -> Figures:
    """Ends the demo as soon as its first task runs."""
    before, started, figures = _cpu(), time.monotonic(), Figures(load=f"{os.getloadavg()[0]:.1f}")
    subprocess.run(["git", "clone", "--quiet", repository, folder], check=True)
    subprocess.run(["git", "checkout", "--quiet", commit], cwd=folder, check=True)
    caching = {"XDG_CACHE_HOME": str(caches), "PIP_CACHE_DIR": str(caches / "pip"), "UV_CACHE_DIR": str(caches / "uv")}
    demo = subprocess.Popen(
        ["make", "demo", "ONCE=1"],
        cwd=folder,
        env={**os.environ, **caching},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        process_group=0,
    )
    reader = threading.Thread(target=_read, args=(demo, figures, started))
    reader.start()
    try:
        for _ in _until(started + _PATIENCE, demo):
            if not figures.installed and (folder / ".venv" / ".ready").exists():
                figures.installed = time.monotonic() - started
            if _has_task(folder / ".demo" / "airflow" / "airflow.db"):
                figures.first_task = time.monotonic() - started
                break
    finally:
        os.killpg(demo.pid, signal.SIGTERM)  # SIGINT is ignored by what a shell has put into the background
        demo.wait()
        reader.join()
    if not figures.first_task:
        raise SystemExit("no task has started:\n" + "".join(figures.lines))
    figures.cpu = _cpu() - before
    return figures


def _read(demo: subprocess.Popen[str], figures: Figures, started: float) -> None:
    assert demo.stdout is not None
    for line in demo.stdout:
        figures.lines.append(line)
        figures.first_line = figures.first_line or time.monotonic() - started
        if "log in as" in line:
            figures.login = figures.login or time.monotonic() - started
    demo.stdout.close()


def _until(deadline: float, demo: subprocess.Popen[str]) -> Iterator[None]:
    while time.monotonic() < deadline and demo.poll() is None:
        yield
        time.sleep(0.1)


def _has_task(database: Path) -> bool:
    if not database.exists():
        return False
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
            return bool(connection.execute(_RUNNING).fetchone()[0])
    except sqlite3.Error:
        return False  # it is being made


def _cpu() -> float:
    """Of all processes that have ended and were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commits", nargs="+")
    parser.add_argument("--times", type=int, default=1)
    arguments = parser.parse_args()
    print(
        f"{'commit':<14}{'':<6}{'first line':>12}{'installed':>12}{'login':>12}{'first task':>12}{'CPU':>12}{'load':>8}"
    )
    for _ in range(arguments.times):
        for commit in arguments.commits:
            with tempfile.TemporaryDirectory() as scratch:
                for state in ("cold", "warm"):
                    figures = measure(str(Path.cwd()), commit, Path(scratch) / state, Path(scratch) / "caches")
                    print(f"{commit:<14}{state:<6}{figures}", flush=True)


if __name__ == "__main__":
    main()
