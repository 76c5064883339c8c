"""A board as lines: it fits, it folds, and nothing in it can speak to the terminal."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from in_memory.runs import DONE, NOW, a_run, at, ended, failed, waiting
from kubeadm_upgrade.board import terminal
from kubeadm_upgrade.board.board import board_of
from kubeadm_upgrade.board.record import NodeRecord


def drawn(record, width=80, **how):
    console = Console(file=io.StringIO(), width=width, color_system=None, legacy_windows=False)
    console.print(terminal.shown(board_of(record, NOW).to_json(), NOW, **how))
    return console.file.getvalue()


RUN = a_run(control_plane=1, workers=4)
DRAINING = waiting("pods to go from w2: shop/db-0", "pods")
PLACES = at(at(RUN, {"cp1": DONE, "w1": DONE}), {"w2": "workers.drain_node"}, **DRAINING)


def test_a_line_a_node_and_a_sign_a_step():
    """In the run's order: who is done, who waits for what, and who has not begun."""
    lines = [line.rstrip() for line in drawn(PLACES, 100).splitlines()]
    rows = lines[lines.index(next(line for line in lines if line.startswith("node "))) + 1 :]
    assert rows[:5] == [
        "cp1   1.29.15  ✓✓✓ ✓✓✓✓✓✓✓ ✓✓✓✓✓✓✓  done",
        "w1    1.29.15  ✓✓✓ ✓✓✓✓✓✓✓✓✓        done",
        "w2    1.28.15  ✓✓✓ ✓✓✓✓●····        waits for Pods to go: shop/db-0",
        "w3    1.28.15  ··· ·········        queued",
        "w4    1.28.15  ··· ·········        queued",
    ]


def test_what_is_wrong_is_said_in_full():
    """Also where the row has no room for it: the reason, what to do, and what the host has said."""
    said = at(RUN, {"w1": "workers.drain_node"}, **failed("w1: drain_node: " + "very " * 40 + "bad"))
    text = " ".join(drawn(said).split())
    assert "very " * 40 + "bad What to do: mend this, then clear this task: the run goes on from here" in text
    assert "a line of its journal" in text


def test_a_large_cluster_is_folded():
    """Whoever needs no look is counted; all are shown to whoever asks for them."""
    many = a_run(control_plane=3, workers=500)
    many = at(many, {f"w{n}": DONE for n in range(1, 313)})
    many = at(many, {"w313": "workers.drain_node"}, **waiting("Pods to go", "pods"))
    folded, whole = drawn(many), drawn(many, every_node=True)
    assert "and 312 done, 190 queued: --all shows them too" in folded
    assert len(folded.splitlines()) < 24
    assert "w313" in folded
    assert len(whole.splitlines()) > 503


@pytest.mark.parametrize("width", [40, 80, 200])
def test_a_watched_node_is_one_line(width):
    """So that nothing jumps; and no line is wider than the terminal."""
    long = at(RUN, {"w1": "workers.drain_node"}, **waiting("pods to go from w1: " + "shop/db-0 " * 30, "pods"))
    lines = drawn(long, width, live=True).splitlines()
    assert max(map(len, lines)) <= width
    assert sum(line.startswith(("w1", "w2")) for line in lines) == 2


def test_time_goes_on_between_two_answers():
    """And stops with the run."""
    board = board_of(RUN, NOW).to_json()
    assert terminal._elapsed(board, NOW + timedelta(minutes=5, seconds=3)) == "1:05:03"
    over = board_of(ended(RUN), NOW).to_json()
    assert terminal._elapsed(over, NOW + timedelta(days=1)) == "47:00"


HOSTILE = st.sampled_from(["\x1b[2J", "\x9b31m", "[bold]", "[link=x]x[/link]", "\r\n", "\u202e", "\ud800", "\x00"])


@given(name=HOSTILE, why=HOSTILE, said=HOSTILE)
@settings(deadline=None, max_examples=40)
def test_nothing_that_was_said_is_an_order(name, why, said):
    """Neither to the terminal nor to what draws: it is shown as letters, or not at all."""
    failure = failed(f"why {why} end")
    failure["failure"] = replace(failure["failure"], said=(f"said {said} end",))
    record = replace(a_run(0, 1), nodes=(NodeRecord(f"n{name}n", "1.28.15"),))
    record = replace(record, hop={**record.hop, "workers": [f"n{name}n"]})
    text = drawn(at(record, {f"n{name}n": "workers.drain_node"}, **failure), 400)
    assert all(letter.isprintable() or letter == "\n" for letter in text)
    if why.isprintable():
        assert f"why {why} end" in text
