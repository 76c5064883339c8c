"""What the demo draws, from what Airflow and Kubernetes say."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import pytest
from rich.console import Console

from demo.lines import Lines
from demo.progress import COLUMNS, Mark, NodeSeen, Progress, steps_in_all
from demo.screen import Screen
from harness.rest import TaskInstance
from kubeadm_upgrade.procedure import GROUPS

NOW = datetime(2026, 1, 1, tzinfo=UTC)
NODES = tuple(NodeSeen(f"demo-b-{name}", "Ready", "v1.28.15") for name in ("cp1", "cp2", "w1"))


def task(task_id: str, state: str | None, label: str | None = None, at: int = 0) -> TaskInstance:
    moment = NOW + timedelta(seconds=at)
    index = -1 if label is None else [node.name for node in NODES].index(label)
    return TaskInstance(task_id, index, label, state, 1, moment, moment)


def progress(*tasks: TaskInstance, state: str = "running") -> Progress:
    return Progress(state, tasks, NODES, steps_in_all([True, True, False]))


def drawn(seen: Progress, words: str = "", width: int = 80) -> str:
    console = Console(width=width, file=io.StringIO(), no_color=True)
    console.print(Screen(console, "demo-b  1.28.15 → 1.29", "1.29").draw(seen, words))
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    return text


def test_every_step_of_the_procedure_has_a_column_or_is_waiting_for_a_slot() -> None:
    shown = {step for steps in COLUMNS.values() for step in steps}
    assert {step.name for group in GROUPS.values() for step in group} - shown == {"admit"}


@pytest.mark.parametrize("width", [80, 100, 200])
def test_it_fits_into_the_terminal_and_nothing_is_cut(width: int) -> None:
    busy = NODES[0]
    seen = Progress("running", (), (NodeSeen(busy.name, "cordoned", "v1.28.15"), *NODES[1:]), 89)
    lines = drawn(seen, "demo-b-w1  drain_node: " + "waiting " * 40, width).splitlines()
    assert max(map(len, lines)) <= width
    for column in ("node", "status", "version", *COLUMNS):
        assert any(column in line for line in lines), f"{column} is cut"
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
    seen = progress(task("backup.back_up", "success", "demo-b-cp1"))
    assert seen.cell("demo-b-w1", "backup") is Mark.ABSENT
    assert seen.cell("demo-b-w1", "drain") is Mark.NOT_YET


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
