"""What make passes on, and what is made of it."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from demo.complaint import Complaint
from demo.wishes import Wishes
from demo.world import World, _port


def test_nothing_said_is_demo_a_live() -> None:
    assert Wishes.read({}, terminal=True) == Wishes("demo-a", "1.29", None, once=False, live=True)


def test_what_make_passes_on_empty_says_nothing() -> None:
    assert Wishes.read({"CLUSTER": "", "PORT": "", "ONCE": "", "TARGET": ""}, terminal=True) == Wishes()


@pytest.mark.parametrize("once", ["1", "yes", "true"])
def test_once_neither_draws_nor_stays(once: str) -> None:
    wishes = Wishes.read({"ONCE": once}, terminal=True)
    assert (wishes.once, wishes.live) == (True, False)


def test_without_a_terminal_it_is_once() -> None:
    assert Wishes.read({}, terminal=False).once


def test_zero_is_not_once() -> None:
    assert not Wishes.read({"ONCE": "0"}, terminal=True).once


@pytest.mark.parametrize(
    "settings",
    [
        {"CLUSTER": "prod"},
        {"PORT": "http"},
        {"PORT": "70000"},
        {"PORT": "0"},
        {"TARGET": "latest"},
        {"TARGET": "1"},
        {"TARGET": "1.32."},
        {"TARGET": "1.32.13-rc.1"},
        {"TARGET": "2.5"},
    ],
)
def test_what_cannot_be_is_complained_about(settings: dict[str, str]) -> None:
    with pytest.raises(Complaint, match=next(iter(settings.values()))):
        Wishes.read(settings, terminal=True)


@pytest.mark.parametrize(
    ("target", "meant"), [("1.32", "1.32"), ("1.32.13", "1.32.13"), ("v1.32.13", "1.32.13"), (" 1.30 ", "1.30")]
)
def test_a_target_is_meant_however_it_is_written(target: str, meant: str) -> None:
    assert Wishes.read({"TARGET": target}, terminal=True).target == meant


def test_a_second_demo_is_told_of_the_first(tmp_path: Path) -> None:
    first, second = (World(Wishes(), lambda _: None, tmp_path) for _ in range(2))
    first._take_folder()
    with pytest.raises(Complaint, match="runs in this checkout already"), second:
        pass
    first._stop()


def test_a_second_demo_leaves_the_first_ones_files_alone(tmp_path: Path) -> None:
    first, second = (World(Wishes(), lambda _: None, tmp_path) for _ in range(2))
    first._take_folder()
    (tmp_path / "lab").mkdir()
    with pytest.raises(Complaint), second:
        pass
    assert (tmp_path / "lab").is_dir()
    first._stop()


def test_what_an_earlier_demo_left_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / "airflow").mkdir()
    (tmp_path / "airflow" / "airflow.db").write_text("old")
    world = World(Wishes(), lambda _: None, tmp_path)
    world._take_folder()
    assert not (tmp_path / "airflow").exists()
    world._stop()


def test_a_taken_port_is_complained_about_and_another_is_proposed() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(Complaint, match=rf"Port {port} is taken.*PORT=\d+"):
            _port(port)
