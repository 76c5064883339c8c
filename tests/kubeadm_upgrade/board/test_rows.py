"""One node as one row: how it stands, which kubelet it runs, and what it is at."""

from __future__ import annotations

from dataclasses import replace

import pytest

from in_memory.runs import DONE, NOW, a_run, ago, at, ended, failed, waiting
from kubeadm_upgrade.board.board import board_of
from kubeadm_upgrade.board.record import Marks, NodeRecord, TaskRecord, Waiting
from kubeadm_upgrade.board.rows import detail
from kubeadm_upgrade.drain.pod import PodFacts
from kubeadm_upgrade.procedure import STEPS
from kubeadm_upgrade.waits import Wait


def row(record, name="w1"):
    return next(one for one in board_of(record, NOW).nodes if one.name == name)


def w1(place="workers.drain_node", **task):
    return at(a_run(), {"w1": place}, **task)


def by_hand(record, task_id):
    """Somebody marks it as a success: Airflow knows of no outcome then."""
    tasks = [replace(task, outcome=None) if task.task_id == task_id else task for task in record.tasks]
    return replace(record, tasks=tuple(tasks))


CASES = {
    "done": (w1(DONE), "done", ""),
    "draining": (w1(), "moving", "is being drained"),
    "between two tasks": (w1(state=None), "moving", "is being drained"),
    "waits for Pods": (
        w1(**waiting("pods to go from w1: shop/db-0", "pods")),
        "waiting",
        "waits for Pods to go: shop/db-0",
    ),
    "waits for an answer": (
        w1(**waiting("w1 (10.0.0.1) does not answer", "answer")),
        "waiting",
        "waits for an answer: w1 (10.0.0.1) does not answer",
    ),
    "waits for nobody knows what": (w1(state="deferred"), "waiting", "waits: drain"),
    "tries again": (w1(state="up_for_retry"), "moving", "is about to try again: drain"),
    "its turn will come": (w1("workers.admit", **waiting("its turn", "turn")), "queued", "waits for its turn"),
    "is paused at the gates": (
        w1(
            "workers.admit",
            **waiting("a slot: the upgrade is paused (x): start kubeadm_steer.prod with resume", "pause"),
        ),
        "queued",
        "waits for the pause to end: x",
    ),
    "the control plane is sick": (
        w1("workers.admit", **waiting("a slot: the control plane is not healthy: readyz", "health")),
        "waiting",
        "waits for the control plane to be healthy: readyz",
    ),
    "packages are there": (w1("workers.admit", state=None), "queued", ""),
    "behind one that has failed": (w1("workers.admit", state="upstream_failed"), "queued", ""),
    "failed": (w1(**failed("w1: drain_node: no room")), "failed", "failed at drain: no room"),
    "given up": (
        replace(w1(**waiting("x", "pods")), marks=Marks(given_up={"w1": "its disk"})),
        "given_up",
        "was given up: its disk",
    ),
    "in quarantine": (
        replace(w1(**waiting("x", "pods")), marks=Marks(given_up={"w1": "quarantined: its drain was blocked"})),
        "given_up",
        "is quarantined: its drain was blocked",
    ),
    "done before it was given up": (replace(w1(DONE), marks=Marks(given_up={"w1": "its disk"})), "done", ""),
    "one that this run leaves to the next": (
        replace(a_run(workers=0), hop={**a_run(workers=0).hop, "later": ["w1"]}, nodes=(NodeRecord("w1", "1.28.15"),)),
        "untouched",
        "is for a run after this one",
    ),
    "the run ended before it": (ended(w1("workers.admit", state=None), "failed"), "untouched", ""),
    "the run ended in the middle of it": (ended(w1(state="upstream_failed"), "failed"), "queued", ""),
    "somebody has marked its last step": (
        at(a_run(), {"w1": "workers.uncordon_node"}, state="success"),
        "marked",
        "was marked as done by hand at uncordon: nobody has seen that it is",
    ),
    "somebody has marked a step on its way": (by_hand(w1(DONE), "workers.node_ready"), "marked", None),
    "and it goes on": (by_hand(w1("workers.uncordon_node"), "workers.node_ready"), "moving", None),
    "has left the cluster": (
        w1("workers.uncordon_node", state="success", outcome={"status": "gone", "step": "x", "node": "w1"}),
        "untouched",
        "is no longer in the cluster",
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_how_a_node_stands(name):
    record, state, sentence = CASES[name]
    found = row(record)
    assert found.state == state
    assert sentence is None or found.sentence == sentence


def test_nodes_come_in_the_order_of_the_run():
    """The control plane, the workers as they are taken, and last who is left as it is."""
    record = replace(
        a_run(2, 0), nodes=tuple(NodeRecord(name, "1.28.15", name[0] == "c") for name in ("w9", "cp2", "cp1"))
    )
    record = replace(record, hop={**record.hop, "workers": ["w3", "w1"], "control_plane": ["cp2", "cp1"]})
    found = board_of(record, NOW).nodes
    assert [(one.name, one.role, one.state) for one in found] == [
        ("cp2", "control plane", "queued"),
        ("cp1", "control plane", "queued"),
        ("w3", "worker", "queued"),
        ("w1", "worker", "queued"),
        ("w9", "worker", "untouched"),
    ]


@pytest.mark.parametrize(
    ("record", "kubelet"),
    [
        pytest.param(w1(), "1.28.15", id="as it was looked at"),
        pytest.param(w1("workers.node_ready"), "1.28.15", id="restarted, and not seen yet"),
        pytest.param(w1("workers.uncordon_node"), "1.29.15", id="seen Ready"),
        pytest.param(
            by_hand(w1("workers.uncordon_node"), "workers.node_ready"),
            "1.28.15",
            id="marked by hand, and seen by nobody",
        ),
        pytest.param(replace(w1(DONE), params={"dry_run": True}), "1.28.15", id="a rehearsal moves nothing"),
        pytest.param(
            replace(w1(), report={"nodes": [{"name": "w1", "kubelet": "1.29.14"}]}), "1.29.14", id="as the report says"
        ),
        pytest.param(
            replace(w1(DONE), report={"nodes": [{"name": "w1", "kubelet": "1.28.15"}]}),
            "1.29.15",
            id="a report is older than a step",
        ),
    ],
)
def test_which_kubelet_runs_now(record, kubelet):
    assert (row(record).before, row(record).kubelet) == ("1.28.15", kubelet)


def test_since_when():
    assert row(w1(**waiting("x", "pods"))).since == ago(11)
    later = Waiting("pods to go from w1: shop/db-0", ago(11), "pods", ago(4))
    assert row(w1(state="deferred", waiting=later)).since == ago(4)  # a time beside a reason is that reason's
    assert row(w1()).since == ago(2)
    assert row(w1(**failed("x"))).since == ago(11)


def test_a_node_that_has_not_moved_keeps_its_very_row():
    """Of hundreds of nodes few have moved since a page asked last; nothing in a row ticks."""
    first = at(a_run(), {"w1": "workers.drain_node", "w2": "workers.admit"})
    board = board_of(first, ago(5))
    moved = [task for task in first.tasks if (task.task_id, task.map_index) != ("workers.drain_node", 0)]
    second = replace(first, tasks=(*moved, TaskRecord("workers.drain_node", 0, "success", 1, ago(2), ago(1))))
    later = board_of(second, NOW, board)
    same = {row.name for row, before in zip(later.nodes, board.nodes, strict=True) if row is before}
    assert same == {"cp1", "w2", "w3"}
    assert later == board_of(second, NOW)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"state": "failed"}, id="the run is over"),
        pytest.param({"marks": Marks(given_up={"w1": "x", "w2": "x", "w3": "x", "cp1": "x"})}, id="given up"),
        pytest.param(
            {"report": {"nodes": [{"name": n, "kubelet": "9"} for n in ("cp1", "w1", "w2", "w3")]}}, id="report"
        ),
        pytest.param({"params": {"dry_run": True}}, id="other parameters"),
    ],
)
def test_what_is_not_of_its_tasks_makes_a_row_anew_as_well(change):
    record = at(a_run(), {"w1": "workers.drain_node"})
    before, changed = board_of(record, NOW), replace(record, **change)
    assert board_of(changed, NOW, before) == board_of(changed, NOW)


def test_what_gates_and_marks_say_is_understood(facts_of, hop):
    """The very sentences, so that whoever words them anew sees what was made of them."""
    paused = replace(facts_of("w1"), ledger=replace(facts_of("w1").ledger, paused="incident (4711)"))
    admit, drain = STEPS["admit"], STEPS["drain_node"]
    assert detail(Waiting(admit.pending(paused, hop), NOW, admit.awaits(paused, hop))) == "incident (4711)"
    sick = replace(facts_of("w1"), control_plane=replace(facts_of("w1").control_plane, failing_checks=("etcd",)))
    assert detail(Waiting(admit.pending(sick, hop), NOW, Wait.HEALTH)) == "readyz check etcd fails"
    full = replace(facts_of("w1"), pods=(PodFacts("shop", "db-0", "u", "StatefulSet"),))
    assert detail(Waiting(drain.pending(full, hop), NOW, drain.awaits(full, hop))) == "shop/db-0"
