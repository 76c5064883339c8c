"""What stands beside a run: findings, broken promises, who was given up; and the hops of its path."""

from __future__ import annotations

from dataclasses import replace

from in_memory.runs import DONE, NOW, a_run, at, ended
from kubeadm_upgrade.board.board import board_of
from kubeadm_upgrade.board.record import Marks, TaskRecord
from kubeadm_upgrade.ledger.permit import PermittedPod


def notes(record):
    return [(note.level, note.text) for note in board_of(record, NOW).findings]


def test_the_worst_comes_first():
    record = a_run(
        findings=("warn: w1 was cordoned before", "block: w2: swap is on", "odd"), marks=Marks(given_up={"w3": "disk"})
    )
    record.path["hops"][0]["findings"].append("PodSecurityPolicy is gone in 1.25")
    assert notes(record) == [
        ("block", "w2: swap is on"),
        ("warn", "w1 was cordoned before"),
        ("warn", "odd"),
        ("warn", "w3 was given up: disk. A later run takes it"),
        ("mind", "PodSecurityPolicy is gone in 1.25"),
    ]


def test_who_has_approved_it_and_what_they_let_pass():
    told = {"by": "ann", "at": "2026-11-26T03:00:00+00:00", "why": "ticket 7", "waived": ["swap_off"]}
    assert notes(a_run(approval=told)) == [
        ("mind", "approved by ann at 2026-11-26T03:00:00+00:00: ticket 7; waived: swap_off")
    ]


def test_what_a_report_says_of_promises_holds_once_the_run_is_over():
    """One that was written in its middle says what was not so yet."""
    report = {"broken_promises": ["w1 runs kubelet 1.28.15, not 1.29.15"], "joined": ["w9"]}
    record = at(a_run(report=report), {"cp1": DONE})
    assert notes(record) == []
    assert notes(ended(record, "failed")) == [
        ("bad", "w1 runs kubelet 1.28.15, not 1.29.15"),
        ("warn", "w9 joined while the run was under way"),
    ]


def test_a_run_that_was_refused_is_not_blamed_for_what_it_has_not_begun():
    """One that somebody has called a success is."""
    record = a_run(1, 1, report={"broken_promises": ["w1 runs kubelet 1.28.15, not 1.29.15"]})
    assert notes(ended(record, "failed")) == []
    assert notes(ended(record, "success")) == [("bad", "w1 runs kubelet 1.28.15, not 1.29.15")]


def test_what_a_task_of_several_steps_has_deleted_stands_there_too():
    """As a worker's drain is: of each step an outcome, and the drain's comes last."""
    told = PermittedPod("u1", "shop/db-0", "ann", NOW).told
    admitted = {"step": "admit", "node": "w1", "status": "changed", "details": []}
    drained = {"step": "drain_node", "node": "w1", "status": "changed", "details": [told]}
    record = a_run()
    task = TaskRecord("workers.drain_node", 0, "success", outcomes=(admitted, drained))
    assert ("mind", f"w1: {told}") in notes(replace(record, tasks=(*record.tasks, task)))


def test_what_was_deleted_and_not_evicted_stands_there_as_soon_as_it_is_told():
    told = PermittedPod("u1", "shop/db-0", "ann", NOW).told
    record = at(a_run(), {"w1": DONE}, outcome=None)
    outcome = {"node": "w1", "status": "changed", "details": [told, "7 bytes"]}
    tasks = [replace(one, outcome=outcome) if one.step == "drain_node" else one for one in record.tasks]
    assert [text for level, text in notes(replace(record, tasks=tuple(tasks))) if level == "mind"] == [f"w1: {told}"]


def test_what_kubeadm_is_told_to_pass_over():
    record = a_run()
    hop = {**record.hop, "ignore_preflight_errors": {"NumCPU": "a lab"}}
    assert notes(replace(record, hop=hop)) == [("mind", "kubeadm is told to pass over NumCPU: a lab")]


def test_the_hops_of_the_path():
    record = at(a_run(1, 1), {"cp1": DONE, "w1": DONE})
    later = {**record.path["hops"][0], "came_from": "1.29.15", "to": "1.30.14", "moving": []}
    record = replace(record, path={"hops": [*record.path["hops"], later]})
    path = [one.to_json() for one in board_of(record, NOW).path]
    assert path == [
        {"from": "1.28.15", "to": "1.29.15", "state": "now", "control_plane": ["cp1"], "workers": ["w1"]},
        {"from": "1.29.15", "to": "1.30.14", "state": "next", "control_plane": ["cp1"], "workers": []},
    ]
    assert [one.state for one in board_of(ended(record), NOW).path] == ["done", "next"]
