"""A board of any run, however odd what it has written down: plain data, as the schema has it, and nothing lost."""

from __future__ import annotations

import json
import zlib
from dataclasses import replace
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from in_memory.runs import DONE, NOW, a_run, ago, at, waiting
from kubeadm_upgrade.board.board import board_of
from kubeadm_upgrade.board.record import Failure, Marks, NodeRecord, TaskRecord, Waiting
from kubeadm_upgrade.board.shared_tasks import tasks_in
from kubeadm_upgrade.board.sight import RUN_TASKS
from kubeadm_upgrade.board.view import Board
from kubeadm_upgrade.procedure import GROUPS
from kubeadm_upgrade.waits import Wait

QUICK = settings(deadline=None, max_examples=60)
SCHEMA = json.loads((Path(__file__).resolve().parents[3] / "docs" / "board.schema.json").read_text())

STATES = ["success", "failed", "running", "queued", "scheduled", "deferred", "up_for_retry", "upstream_failed", None]
STATES += ["skipped", "removed", "restarting", "up_for_reschedule", "awaiting_input", "of another Airflow"]
HOSTILE = [
    "<script>alert(1)</script>",
    "\x00\x1b[31m",
    "'\";--",
    "{{ 7*7 }}",
    "](javascript:x)",
    "\u2028\u202e\ufffe",
    "\ud800",  # half a character, which JSON can hold and UTF-8 cannot
    "%s{x}{0}",
    "../..//?#",
    "",
    "x" * 3000,
    "a\nb\r\nc",
]
TEXTS = st.sampled_from(HOSTILE) | st.text(max_size=5)
NAMES = st.lists(TEXTS, min_size=1, max_size=3, unique=True)
TIMES = st.sampled_from([None, ago(-60), ago(0), ago(11), ago(6000)])
KINDS = [*map(str, Wait), "", "unheard of"]
IDS = [*RUN_TASKS, "control_plane_nodes", "workers.unheard_of"]
IDS += [f"{group}.{step.name}" for group, steps in GROUPS.items() for step in steps]
WAITINGS = st.builds(Waiting, TEXTS, TIMES.filter(bool), st.sampled_from(KINDS), TIMES)
OUTCOMES = st.sampled_from(
    [
        None,
        {"step": "x", "node": "y", "status": "gone"},
        {"step": "x", "node": "y", "status": "changed", "seconds": 4.5, "waited": [["turn", 3.0], ["?", 1.0]]},
        {"step": "x", "node": "y", "status": "unchanged", "seconds": "?", "waited": None},
    ]
)
TASKS = st.builds(
    TaskRecord,
    task_id=st.sampled_from(IDS),
    map_index=st.integers(-1, 4),
    state=st.sampled_from(STATES),
    try_number=st.integers(0, 2),
    started=TIMES,
    ended=TIMES,
    waiting=st.none() | WAITINGS,
    failure=st.none() | st.builds(Failure, TEXTS, TEXTS, st.lists(TEXTS, max_size=2).map(tuple)),
    outcome=OUTCOMES,
)
MARKS = st.builds(Marks, st.none() | TEXTS, st.none() | TEXTS, st.dictionaries(TEXTS, TEXTS, max_size=2), TIMES)
PROVEN = {"result": "Done and verified"}
REPORT = {"nodes": [{"name": "w1", "kubelet": "1.29.15"}], "broken_promises": ["<b>"], "joined": ["w9"]}


@st.composite
def any_run(draw):
    """Whatever states its tasks are in, and whatever names its nodes have."""
    planes, workers, others = draw(NAMES), draw(NAMES), draw(NAMES)
    workers = [name for name in workers if name not in planes]
    record = a_run(
        cluster=draw(TEXTS),
        dag_id=draw(TEXTS.filter(bool)),
        run_id=draw(TEXTS.filter(bool)),
        state=draw(st.sampled_from(["queued", "running", "success", "failed"])),
        hop={"came_from": "1.28.15", "to": "1.29.15", "control_plane": planes, "workers": workers},
        nodes=tuple(NodeRecord(name, "1.28.15", name in planes) for name in (*planes, *workers, *others)),
        marks=draw(MARKS),
        findings=tuple(draw(st.lists(TEXTS, max_size=2))),
        started=draw(TIMES),
        ended=draw(TIMES),
        report=draw(st.sampled_from([None, REPORT, PROVEN, REPORT | PROVEN])),
    )
    found = {(task.task_id, task.map_index): task for task in (*record.tasks, *draw(st.lists(TASKS, max_size=12)))}
    return replace(record, tasks=tuple(found.values()))


@QUICK
@given(record=any_run())
def test_whatever_a_run_has_written_its_board_is_plain_data(record):
    plain = board_of(record, NOW).to_json()
    jsonschema.validate(plain, SCHEMA)
    assert json.loads(json.dumps(plain)) == plain


@QUICK
@given(record=any_run())
def test_nobody_is_lost_and_nobody_is_there_twice(record):
    board = board_of(record, NOW)
    planned = (*record.hop["control_plane"], *record.hop["workers"])
    names = [row.name for row in board.nodes]
    assert len(names) == len(set(names))
    assert set(names) == {*planned, *(node.name for node in record.nodes)}
    assert board.progress.of == len(planned)
    assert 0 <= board.progress.done <= board.progress.of


@QUICK
@given(first=any_run(), second=any_run())
def test_an_earlier_board_changes_nothing_but_the_work(first, second):
    """Also one of another run."""
    assert board_of(second, NOW, board_of(first, ago(1))) == board_of(second, NOW)
    assert board_of(first, NOW, board_of(first, ago(1))) == board_of(first, NOW)


@QUICK
@given(record=any_run())
def test_every_failed_task_is_shown_and_can_be_tried_again(record):
    """A task of several steps by the step that it has come to."""
    steps_by_task = {
        f"{group}.{task.name}": [f"{group}.{step.name}" for step in task.steps]
        for group in GROUPS
        for task in tasks_in(group, record.task_ids)
    }
    board = board_of(record, NOW)
    failed = {
        (task.task_id, task.map_index)
        for task in record.tasks
        if task.state == "failed" and task.step != "unheard_of" and (task.map_index < 0 or record.node_of(task))
    }
    failed = {one for one in failed if one[1] >= 0 or one[0] in RUN_TASKS}
    cells = [cell for row in board.nodes for cell in row.cells] + list(board.run_tasks)
    shown = {(cell.task, cell.map_index) for cell in cells if cell.clear}
    assert all(any((step, index) in shown for step in steps_by_task.get(task, (task,))) for task, index in failed)
    assert all(cell.failure and cell.log for cell in cells if cell.clear)


@QUICK
@given(record=any_run())
def test_nothing_is_told_better_than_it_is(record):
    """Invariant I11: done is what the report's task has proven, and a node is done whose last task has succeeded."""
    board = board_of(record, NOW)
    last = {task.task_id: task.state for task in record.tasks}
    if board.tone == "good":
        assert (record.state, last["report"]) == ("success", "success")
        assert record.report["result"] in ("Done and verified", "Rehearsed")
    for row in board.nodes:
        if row.state == "done":
            assert row.cells[-1].state in ("done", "unchanged")
            assert "marked" not in {cell.state for cell in row.cells}


def a_large_run(workers: int = 500) -> tuple:
    names = [f"prod-eu-west-1-worker-{n:04}" for n in range(workers)]
    record = a_run(3, 0)
    record = replace(
        record,
        hop={**record.hop, "workers": names},
        nodes=(*record.nodes, *(NodeRecord(name, "1.28.15") for name in names)),
    )
    record = at(record, {f"cp{n}": DONE for n in (1, 2, 3)} | dict.fromkeys(names[: workers // 2], DONE))
    record = at(record, dict.fromkeys(names[workers // 2 + 5 :], "workers.next_in_line"), **waiting("its turn", "turn"))
    at_work = dict.fromkeys(names[workers // 2 : workers // 2 + 5], "workers.drain_node")
    return at(record, at_work, **waiting("pod shop/db-0 may not be evicted yet", "pods"))


def test_five_hundred_nodes_are_small():
    """The fleet's largest cluster in one answer: under 200 KB, however badly it is compressed."""
    board: Board = board_of(a_large_run(), NOW)
    text = json.dumps(board.to_json(), separators=(",", ":")).encode()
    assert len(zlib.compress(text, 1)) < 100_000
    assert board.sentence.startswith("250 of 500 workers are done, ")


@pytest.mark.parametrize("state", ["queued", "running", "success", "failed"])
def test_a_run_of_which_nothing_is_known(state):
    record = replace(a_run(hop=None, path=None, nodes=(), tasks=(), started=None), state=state)
    jsonschema.validate(board_of(record, NOW).to_json(), SCHEMA)
