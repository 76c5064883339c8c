"""What a task says when a try of it has failed, to its log and to its run's report."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from kubeadm_airflow.endings import EndedForAPerson, TaskEnded
from kubeadm_airflow.notifiers import LastLines, ReportSoFar
from kubeadm_airflow.run_report import FAILURE
from kubeadm_upgrade import errors

UNREACHABLE = TaskEnded(errors.Unreachable("no answer", do="see whether it runs"))


class Task:
    """As much of Airflow's task instance as a callback is given."""

    task_id, map_index, max_tries = "look", -1, 2

    def __init__(self, state: str, try_number: int) -> None:
        self.state, self.try_number = state, try_number
        self.pushed: dict[str, Any] = {}

    def xcom_push(self, key: str, value: Any) -> None:
        self.pushed[key] = value


def log_of(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Level and text of each line."""
    lines = capsys.readouterr().out.splitlines()
    return [line.partition("[")[2].split("[kubeadm_airflow")[0].rstrip() for line in lines]


@pytest.mark.parametrize(
    ("state", "try_number", "end"),
    [
        pytest.param("up_for_retry", 1, "see whether it runs: it is tried again by itself, 2 more times", id="first"),
        pytest.param("up_for_retry", 2, "see whether it runs: it is tried again by itself, once more", id="second"),
        pytest.param("failed", 3, "see whether it runs, then clear this task: the run goes on from here", id="last"),
        pytest.param("failed", 1, "see whether it runs, then clear this task: the run goes on from here", id="marked"),
    ],
)
def test_the_last_two_lines_of_a_try(capsys, state, try_number, end):
    """After the mark that ends the group of lines that Airflow's page shows folded."""
    LastLines()({"ti": Task(state, try_number), "exception": UNREACHABLE})
    assert log_of(capsys) == ["info     ] ::endgroup::", "error    ] no answer", f"error    ] What to do: {end}"]


def test_what_a_host_has_said_stands_before_them(capsys):
    error = TaskEnded(errors.CommandFailed("exit status 1\nE: no space left", do="make room"))
    LastLines()({"ti": Task("failed", 1), "exception": error})
    assert log_of(capsys)[1:3] == ["info     ] E: no space left", "error    ] exit status 1"]


def test_a_report_that_cannot_be_written_does_not_hide_the_failure(capsys):
    """Nor does it fail the callback, of which Airflow would log a stack: this context has no DAG."""
    ti = Task("failed", 1)
    error = EndedForAPerson(errors.Forbidden("no right\nat all", do="grant it"))
    ReportSoFar(cluster="prod")({"ti": ti, "exception": error})
    do = "grant it, then clear this task: the run goes on from here"
    at = datetime.fromisoformat(ti.pushed[FAILURE].pop("at"))
    assert abs(datetime.now(UTC) - at) < timedelta(minutes=1)
    assert ti.pushed == {FAILURE: {"task": "look", "map_index": -1, "why": "no right\nat all", "do": do}}
    first, *_, what, to_do = log_of(capsys)
    assert first.startswith("warning  ] the report could not be written: AttributeError, see its log")
    assert (what, to_do) == ("error    ] no right", f"error    ] What to do: {do}")


def test_a_failure_that_cannot_be_pushed_is_said_all_the_same(capsys):
    """Airflow's API may be what does not answer."""

    def refuse(*_: Any) -> None:
        raise ConnectionError("t0ken")

    ti = SimpleNamespace(task_id="look", map_index=-1, max_tries=2, try_number=3, state="failed", xcom_push=refuse)
    ReportSoFar(cluster="prod")({"ti": ti, "exception": UNREACHABLE})
    lines = log_of(capsys)
    assert lines[-2] == "error    ] no answer"
    assert not any("t0ken" in line for line in lines)
