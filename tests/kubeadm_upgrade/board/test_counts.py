"""How far a run is, counted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from in_memory.runs import a_run, at
from kubeadm_upgrade.board.board import board_of


@pytest.mark.parametrize(
    "changes",
    [pytest.param({"outcome": None}, id="marked as a success"), pytest.param({"state": "skipped"}, id="skipped")],
)
def test_what_somebody_had_left_out_is_not_counted_as_done(changes):
    """Of three control plane nodes, one has upgraded, and of one somebody has only said so."""
    moved = dict.fromkeys(("cp1", "cp2"), "control_plane_kubelets.admit")
    record = at(at(a_run(3, 0), moved, state=None, started=None), {"cp3": "control_plane.kubeadm_upgrade"})
    by_hand = ("control_plane.control_plane_ready", 1)
    tasks = [replace(one, **changes) if (one.task_id, one.map_index) == by_hand else one for one in record.tasks]
    said = board_of(replace(record, tasks=tuple(tasks)), record.started).sentence
    assert said.startswith("1 of 3 control plane nodes is at 1.29.15, ")
