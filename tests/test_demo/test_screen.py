"""What the demo draws, from what Airflow and Kubernetes say."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from demo.journey import Journey
from demo.lines import Lines
from demo.progress import Mark, NodeSeen, Progress
from demo.screen import Screen
from demo.steps import COLUMNS, how_many
from harness.rest import TaskInstance
from kubeadm_upgrade.procedure import GROUPS
from test_demo.paths import FOUR_HOPS

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NODES = tuple(NodeSeen(f"demo-b-{name}", "Ready", "v1.28.15") for name in ("cp1", "cp2", "w1"))
ONE_HOP = Journey.unplanned({"demo-b-cp1": True, "demo-b-cp2": True, "demo-b-w1": False})
FOUR = Journey.of_json(FOUR_HOPS)


def task(task_id: str, state: str | None, label: str | None = None, at: int = 0) -> TaskInstance:
    moment = NOW + timedelta(seconds=at)
    index = -1 if label is None else [node.name for node in NODES].index(label)
    return TaskInstance(task_id, index, label, state, 1, moment, moment)


def progress(*tasks: TaskInstance, state: str = "running", journey: Journey = ONE_HOP) -> Progress:
    return Progress(state, tasks, NODES, journey)


def drawn(seen: Progress, words: str = "", width: int = 80) -> str:
    console = Console(width=width, file=io.StringIO(), no_color=True)
    console.print(Screen(console, "demo-b  1.28.15 → 1.29", "1.29").draw(seen, words))
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text


def test_every_step_of_the_procedure_has_a_column_or_is_waiting_for_a_slot() -> None:
    shown = {step for steps in COLUMNS.values() for step in steps}
    assert {step.name for group in GROUPS.values() for step in group} - shown == {"admit"}


@pytest.mark.parametrize("journey", [ONE_HOP, FOUR], ids=["one hop", "four hops"])
@pytest.mark.parametrize("width", [80, 100, 200])
def test_it_fits_into_the_terminal_and_nothing_is_cut(width: int, journey: Journey) -> None:
    busy = NODES[0]
    seen = Progress("running", (), (NodeSeen(busy.name, "cordoned", "v1.28.15"), *NODES[1:]), journey)
    lines = drawn(seen, "demo-b-w1  drain_node: " + "waiting " * 40, width).splitlines()
    assert max(map(len, lines)) <= width
    for words in ("demo-b  1.28.15 → 1.29", journey.here, "node", "status", "version", *COLUMNS):
        assert any(words in line for line in lines), f"{words} is cut"
    # a long last line is shortened, not wrapped
    assert sum("waiting" in line for line in lines) == 1


def test_a_column_is_done_when_all_its_steps_are() -> None:
    steps = [f"workers.{step}" for step in COLUMNS["kubelet"]]
    half = progress(task(steps[0], "success", "demo-b-w1"), task(steps[1], None, "demo-b-w1"))
    whole = progress(*(task(step, "success", "demo-b-w1") for step in steps))
    assert half.cell("demo-b-w1", "kubelet") is Mark.RUNNING
    assert whole.cell("demo-b-w1", "kubelet") is Mark.DONE


def test_a_failed_step_is_seen_at_its_node_and_not_where_it_is_only_waited_for() -> None:
    seen = progress(
        task("workers.node_ready", "failed", "demo-b-w1"),
        task("workers.uncordon_node", "upstream_failed", "demo-b-w1"),
        task("verify", "upstream_failed"),
    )
    assert seen.cell("demo-b-w1", "uncordon") is Mark.FAILED
    assert seen.mark_of("verify") is Mark.NOT_YET
    assert [str(one) for one in seen.failed] == ["workers.node_ready[demo-b-w1]"]


def test_a_worker_has_no_backup() -> None:
    seen = progress(task("control_plane.back_up", "success", "demo-b-cp1"))
    assert seen.cell("demo-b-w1", "backup") is Mark.ABSENT
    assert seen.cell("demo-b-w1", "drain") is Mark.NOT_YET


@pytest.mark.parametrize(
    ("others", "waits"),
    [
        pytest.param([], True, id="nobody else"),
        pytest.param([("workers.admit", "deferred")], True, id="for the slot"),
        pytest.param([("workers.admit", "deferred"), ("verify", "upstream_failed")], True, id="what comes after"),
        pytest.param([("workers.drain_node", "deferred")], False, id="another worker is drained"),
        pytest.param([("workers.admit", "deferred"), ("workers.node_ready", "up_for_retry")], False, id="a retry"),
    ],
)
def test_a_failed_task_waits_for_a_person_when_nothing_else_is_under_way(
    others: list[tuple[str, str]], waits: bool
) -> None:
    failed = task("workers.kubeadm_upgrade_node", "failed", "demo-b-w1")
    assert progress(failed, *(task(name, state) for name, state in others)).waits_for_person is waits
    assert not progress(*(task(name, state) for name, state in others)).waits_for_person


def test_what_works_is_told_before_what_waits_for_a_slot() -> None:
    seen = progress(
        task("workers.drain_node", "running", "demo-b-w1", at=1),
        task("workers.admit", "deferred", "demo-b-cp2", at=5),
    )
    assert seen.at_work is not None
    assert seen.at_work.step == "drain_node"


def test_the_lines_tell_each_task_once(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    first = progress(task("look", "success"), task("plan", "running"))
    lines.show(first, "")
    lines.show(progress(task("look", "success"), task("plan", "failed")), "")
    told = capsys.readouterr().out.splitlines()
    assert len(told) == 2
    assert "look" in told[0]
    assert "FAILED" in told[1]


def test_one_hop_has_no_number() -> None:
    assert "hop" not in drawn(progress())
    assert "hop 1 of 4: 1.28.15 → 1.29.15" in drawn(progress(journey=FOUR))


@pytest.mark.parametrize(
    ("over", "node", "column", "mark"),
    [
        (0, "demo-b-w1", "stage", Mark.ABSENT),
        (0, "demo-b-w1", "drain", Mark.ABSENT),
        (0, "demo-b-w1", "uncordon", Mark.ABSENT),
        (0, "demo-b-cp2", "stage", Mark.NOT_YET),
        (0, "demo-b-cp2", "uncordon", Mark.NOT_YET),
        (2, "demo-b-w1", "backup", Mark.ABSENT),
        (2, "demo-b-w1", "stage", Mark.NOT_YET),
        (2, "demo-b-w1", "drain", Mark.NOT_YET),
    ],
)
def test_a_worker_that_a_hop_does_not_touch_has_empty_cells(over: int, node: str, column: str, mark: Mark) -> None:
    seen = progress(task("look", "success"), journey=replace(FOUR, over=over))
    assert seen.cell(node, column) is mark


def test_what_a_hop_does_all_the_same_is_shown() -> None:
    seen = progress(task("workers.drain_node", "running", "demo-b-w1"), journey=FOUR)
    assert seen.cell("demo-b-w1", "drain") is Mark.RUNNING


@pytest.mark.parametrize(
    ("over", "state", "tasks", "done"),
    [
        (0, "running", (), 0),
        (0, "running", (task("look", "success"), task("plan", "running")), 1),
        (1, "queued", (), how_many(2, 0)),
        (1, "running", (task("stage.x", "success", "demo-b-cp1"), task("stage.x", None)), how_many(2, 0) + 1),
        # over no worker: one task instance each, skipped, without a node
        (1, "running", (task("workers.admit", "skipped"), task("look", "success")), how_many(2, 0) + 1),
        # triggering the next run is not part of the upgrade
        (1, "running", (task("next_hop", "success"), task("verify", "success")), how_many(2, 0) + 1),
        # a run that is over is whole, whatever was seen of it
        (1, "success", (), 2 * how_many(2, 0)),
        (3, "success", (), FOUR.steps),
        (3, "failed", (), FOUR.steps - how_many(2, 2)),
    ],
)
def test_the_bar_covers_the_whole_path(over: int, state: str, tasks: tuple[TaskInstance, ...], done: int) -> None:
    seen = progress(*tasks, state=state, journey=replace(FOUR, over=over))
    assert seen.steps_done == done
    assert f"{done} of {FOUR.steps} steps" in drawn(seen)


@pytest.mark.parametrize(
    ("over", "state", "finished"),
    [(0, "running", False), (0, "success", False), (0, "failed", True), (3, "running", False), (3, "success", True)],
)
def test_it_is_over_after_the_last_hop_or_a_failure(over: int, state: str, finished: bool) -> None:
    assert progress(state=state, journey=replace(FOUR, over=over)).finished is finished


def test_the_lines_tell_the_path_once_and_each_hop_when_it_begins(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    lines.show(progress(task("look", "success")), "")
    for over, journey in enumerate((FOUR, FOUR, FOUR.onward())):
        tasks = task("look", "success"), task("plan", "success"), task("workers.admit", "skipped")
        lines.show(progress(*tasks[: over + 1], task("next_hop", "success"), journey=journey), "")
    told = [line[8:].rstrip() for line in capsys.readouterr().out.splitlines()]
    in_all = FOUR.steps
    assert [" ".join(line.split()) for line in told] == [
        f"1/{ONE_HOP.steps} look done",
        "path: 4 hops: 1.29.15, 1.30.14, 1.31.14, 1.32.13; at most 2 drains per worker",
        "hop 1 of 4: 1.28.15 → 1.29.15",
        f"2/{in_all} plan done",
        "hop 2 of 4: 1.29.15 → 1.30.14",
        f"3/{in_all} look done",
        f"4/{in_all} plan done",
    ]


def test_the_lines_of_one_hop_are_its_tasks_only(capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines()
    lines.show(progress(task("plan", "success"), task("verify", "success"), task("next_hop", "skipped")), "")
    assert [line.split()[-2] for line in capsys.readouterr().out.splitlines()] == ["plan", "verify"]
