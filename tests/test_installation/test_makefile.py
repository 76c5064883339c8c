"""What make itself says, and when."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from harness.settings import REPOSITORY

MAKEFILE = (REPOSITORY / "Makefile").read_text()
MAKE = shutil.which("make") or ""
# as a person's shell, also where make runs the tests
ENVIRONMENT = {name: text for name, text in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}

pytestmark = pytest.mark.skipif(not MAKE, reason="there is no make")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A fresh one: nothing is installed."""
    for name in (
        "Makefile",
        "requirements.txt",
        "requirements-dev.txt",
        "requirements-installer.txt",
        "constraints.txt",
    ):
        shutil.copy(REPOSITORY / name, tmp_path)
    for name in ("include", "plugins", "dags", "tests"):
        (tmp_path / name).symlink_to(REPOSITORY / name)
    return tmp_path


@pytest.fixture
def made(clone: Path) -> Path:
    """With the environment that runs this test."""
    python = clone / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    (clone / ".venv" / ".ready").touch()
    return clone


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([MAKE, *arguments], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, check=False)


@contextmanager
def begun(folder: Path, *arguments: str) -> Iterator[IO[str]]:
    """What make says, while it runs; ended with all that it has started."""
    process = subprocess.Popen(
        [MAKE, *arguments], cwd=folder, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True, process_group=0
    )
    try:
        assert process.stdout is not None
        yield process.stdout
    finally:
        os.killpg(process.pid, 9)
        process.communicate()


def test_the_demo_speaks_within_a_second_whatever_python_does(clone: Path) -> None:
    slow = clone / "slow-python"
    slow.write_text("#!/bin/sh\nexec sleep 30\n")
    slow.chmod(0o755)
    started = time.monotonic()
    with begun(clone, "demo", f"PYTHON={slow}", "CLUSTER=demo-b") as said:
        first = said.readline()
        assert time.monotonic() - started < 1
        assert "demo-b" in first
        assert "three minutes" in said.readline() + said.readline()
        assert not (clone / ".venv").exists()


def test_the_installer_speaks_before_it_begins(clone: Path) -> None:
    """Also for make test and all the others, which have no greeting of their own."""
    with begun(clone, "venv", f"PYTHON={sys.executable}") as said:
        assert said.readline().startswith(".venv is missing or out of date: installing ")
        assert not (clone / ".venv" / "lib").exists() or not list((clone / ".venv").glob("lib/*/site-packages/*"))


def test_the_faults_are_listed_by_a_command_that_works_as_it_stands(made: Path) -> None:
    for arguments in (["faults"], ["break", "FAULT=--help"]):
        listed = make(made, *arguments)
        assert listed.returncode == 0, listed.stderr
        assert "never_ready" in listed.stdout
    assert "python -m lab break" not in "".join(line for line in MAKEFILE.splitlines() if line.startswith("#"))


def test_a_python_that_is_not_there_is_told(clone: Path) -> None:
    told = make(clone, "venv", "PYTHON=python3.99")
    assert told.returncode != 0
    assert "There is no python3.99" in told.stderr


def test_help_names_every_target(clone: Path) -> None:
    phony = re.search(r"^\.PHONY: (.*)$", MAKEFILE, re.MULTILINE)
    assert phony
    listed = re.findall(r"^  make (\S+)", make(clone, "help").stdout, re.MULTILINE)
    assert set(listed) == set(phony[1].split()) - {"about-demo"}
