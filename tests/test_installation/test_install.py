"""make venv on a machine where this or that is missing, fails, or is killed."""

from __future__ import annotations

import ast
import os
import runpy
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import pytest

from harness.settings import REPOSITORY
from installation.install import _cache
from test_installation.checkout import REAL_UV, Checkout

pytestmark = pytest.mark.first_hour  # real pips and real environments, seconds each

WHOLE = {"one", "two", "pip"}
PIP_DOES_IT = "pip installs instead"
NOTHING = MappingProxyType[str, str]({})


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


@pytest.mark.skipif(not REAL_UV.exists(), reason="this environment was made by pip")
def test_uv_installs_what_pips_settings_point_at(checkout: Checkout) -> None:
    checkout.add_uv(REAL_UV.read_bytes())
    code, said = checkout.install()
    assert (code, checkout.installed) == (0, WHOLE), said
    assert PIP_DOES_IT not in said
    assert checkout.ready


@pytest.mark.parametrize(
    ("uv", "environment", "sentence"),
    [
        pytest.param(None, NOTHING, "(ERROR: No matching distribution found for uv", id="the index has no uv"),
        pytest.param("echo 'error: no such thing'; exit 2", NOTHING, "(error: no such thing)", id="uv fails"),
        pytest.param("exit 0", {"PIP_PRE": "1"}, "pip is configured with pre,", id="uv cannot be told a setting"),
    ],
)
def test_pip_does_it_where_uv_cannot(
    checkout: Checkout, uv: str | None, environment: dict[str, str], sentence: str
) -> None:
    if uv is not None:
        checkout.add_script_as_uv(uv)
    code, said = checkout.install(**environment)
    assert (code, checkout.installed) == (0, WHOLE), said
    assert sentence in said
    assert PIP_DOES_IT in said
    assert checkout.ready


def test_what_fails_ends_with_what_failed_what_was_said_and_what_to_do(checkout: Checkout) -> None:
    old = checkout.folder / ".venv" / "lib" / "old.py"
    old.parent.mkdir(parents=True)
    for leftover in (old, checkout.folder / ".venv" / ".ready"):
        leftover.touch()
    checkout.remove_package("two")
    code, said = checkout.install()
    assert code == 1
    what, *words, advice = said[said.index("The packages could not be installed") :].splitlines()
    assert what == "The packages could not be installed into .venv: pip ended with code 1. The last it said:"
    assert "    ERROR: Cannot install two==2 because these package versions have conflicting dependencies." in words
    assert advice.startswith("The package index does not have what constraints.txt asks for")
    assert advice.endswith("Then say make again.")
    assert not checkout.ready
    assert not old.exists()


def test_a_folder_that_cannot_be_made_is_told(checkout: Checkout) -> None:
    (checkout.folder / ".venv").write_text("a file")
    code, said = checkout.install()
    assert code == 1
    assert said.splitlines()[-1].startswith(f"{checkout.folder / '.venv'} could not be made: ")
    assert "Traceback" not in said


def test_a_python_without_venv_is_told_what_to_install(checkout: Checkout) -> None:
    missing = checkout.folder / "missing"
    missing.mkdir()
    (missing / "ensurepip.py").write_text("raise ImportError")
    code, said = checkout.install(PYTHONPATH=f"{missing}{os.pathsep}{REPOSITORY / 'tests'}")
    assert code == 1
    assert said.splitlines()[-1].endswith(
        "has no venv module. Debian and Ubuntu: apt install python3-venv. Then say make again."
    )


MAIN = REPOSITORY / "tests" / "installation" / "__main__.py"


@pytest.mark.parametrize("version", [(2, 7, 18), (3, 6, 15), (3, 10, 13)], ids=str)
def test_an_old_python_is_told_so(monkeypatch: pytest.MonkeyPatch, version: tuple[int, int, int]) -> None:
    monkeypatch.setattr(sys, "version_info", version)
    with pytest.raises(SystemExit, match=rf"is Python {'.'.join(map(str, version))}; Python 3.11 or later is needed"):
        runpy.run_path(str(MAIN))


def test_an_old_python_can_read_that_far() -> None:
    newer = (ast.JoinedStr, ast.AnnAssign, ast.AsyncFunctionDef, ast.NamedExpr, ast.Match)
    tree = ast.parse(MAIN.read_text())
    assert [node for node in ast.walk(tree) if isinstance(node, newer)] == []
    # before anything that a newer Python only would read
    kinds = [type(node) for node in tree.body]
    assert kinds.index(ast.If) < kinds.index(ast.ImportFrom)
    assert MAIN.read_text().isascii()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM], ids=lambda number: number.name)
def test_what_was_ended_in_the_middle_is_made_whole_by_the_next_call(checkout: Checkout, how: signal.Signals) -> None:
    with _at_work(checkout) as process:
        process.send_signal(how)
        said, _ = process.communicate(timeout=200)
    assert process.returncode == {signal.SIGKILL: -9}.get(how, 130), said
    assert "Traceback" not in said
    assert not checkout.ready
    code, said = checkout.install(INSTALLER="pip")
    assert (code, checkout.installed) == (0, WHOLE), said
    assert "uv" not in said


def test_what_a_killed_one_has_started_is_waited_for(checkout: Checkout) -> None:
    """Its uv goes on for a while; whoever began beside it would be mixed up with it."""
    with _at_work(checkout) as process:
        process.kill()
        process.wait()
        again = checkout.start(INSTALLER="pip")
        assert again.stdout is not None
        assert "waiting for it to end" in again.stdout.readline()
        assert not (checkout.folder / "uv-is-over").exists()
    said, _ = again.communicate(timeout=200)
    assert (checkout.folder / "uv-is-over").exists()
    assert (again.returncode, checkout.installed) == (0, WHOLE), said


def test_of_two_at_once_the_second_finds_it_done(checkout: Checkout) -> None:
    with _at_work(checkout) as first:
        second = checkout.start()
        assert second.stdout is not None
        assert "waiting for it to end" in second.stdout.readline()
    said = [process.communicate(timeout=200)[0] for process in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0], said
    assert said[1] == ""
    assert checkout.ready


@contextmanager
def _at_work(checkout: Checkout) -> Iterator[subprocess.Popen[str]]:
    """An installation whose uv is in the middle, and fails as soon as the block is left: then it is pip's turn."""
    folder = checkout.folder
    checkout.add_script_as_uv(
        f"touch {folder}/uv-is-there",
        f"until [ -e {folder}/go ]; do sleep 0.05; done",
        f"touch {folder}/uv-is-over",
        "exit 2",
    )
    process = checkout.start()
    try:
        deadline = time.monotonic() + 120
        while not (folder / "uv-is-there").exists():
            assert time.monotonic() < deadline, "uv was not started"
            assert process.poll() is None, process.communicate()
            time.sleep(0.05)
        yield process
    finally:
        (folder / "go").touch()


def test_uv_does_without_a_cache_that_it_cannot_write(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert _cache({"UV_CACHE_DIR": str(tmp_path / "file" / "uv")}) == {"UV_NO_CACHE": "1"}
    assert _cache({"XDG_CACHE_HOME": str(tmp_path / "not" / "yet")}) == {}
    assert _cache({"HOME": str(tmp_path)}) == {}
