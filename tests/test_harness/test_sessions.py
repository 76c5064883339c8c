"""Processes that end when they should, whatever happens to whoever started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from harness.sessions import Guard, Session, session_members
from harness.settings import REPOSITORY, base_environment

# A child in a process group of its own, as Airflow's tasks are, that outlives its parent and ignores SIGTERM.
FAMILY = """
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork() == 0:
    os.setpgid(0, 0)
print("ready", flush=True)
time.sleep(600)
"""


@pytest.fixture
def guard() -> Iterator[Guard]:
    guard = Guard()
    yield guard
    guard.close()


@pytest.fixture
def family(tmp_path: Path, guard: Guard) -> Session:
    """Two processes that will not go by themselves."""
    session = start_family(tmp_path, guard)
    eventually(lambda: session.log.read_text().count("ready") == 2)
    return session


def start_family(directory: Path, guard: Guard) -> Session:
    return Session([sys.executable, "-c", FAMILY], base_environment(), directory / "log", guard, directory)


def test_a_killed_session_takes_children_in_other_groups_along(family: Session) -> None:
    assert len(list(session_members(family.pid))) == 2
    family.kill()
    assert list(session_members(family.pid)) == []
    assert family.exit_code == -signal.SIGKILL


def test_stopping_ends_what_does_not_listen(family: Session) -> None:
    family.stop(patience=0.2)
    assert list(session_members(family.pid)) == []


def test_children_go_even_when_their_parent_has_gone_before(family: Session) -> None:
    os.kill(family.pid, signal.SIGKILL)
    eventually(lambda: family.exit_code is not None)
    assert len(list(session_members(family.pid))) == 1
    family.stop()
    assert list(session_members(family.pid)) == []


def test_a_closed_guard_ends_what_it_watches(tmp_path: Path) -> None:
    guard = Guard()
    session = start_family(tmp_path, guard)
    eventually(lambda: session.log.read_text().count("ready") == 2)
    guard.close()
    assert list(session_members(session.pid)) == []
    session.kill()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_survives_whoever_started_it(tmp_path: Path, number: signal.Signals) -> None:
    """Not even when that one is killed and can do nothing about it."""
    program = (
        "import sys, time; from pathlib import Path\n"
        "from test_harness.test_sessions import start_family; from harness.sessions import Guard\n"
        f"session = start_family(Path({str(tmp_path)!r}), Guard())\n"
        "print(session.pid, flush=True); time.sleep(600)"
    )
    environment = {**base_environment(), "PYTHONPATH": str(REPOSITORY / "tests")}
    with subprocess.Popen(
        [sys.executable, "-c", program], env=environment, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout
        leader = int(parent.stdout.readline())
        eventually(lambda: (tmp_path / "log").read_text().count("ready") == 2)
        parent.send_signal(number)
    eventually(lambda: not list(session_members(leader)))
    assert not psutil.pid_exists(leader) or psutil.Process(leader).status() == psutil.STATUS_ZOMBIE


def eventually(true: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
