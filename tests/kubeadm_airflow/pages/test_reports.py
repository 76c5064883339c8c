"""The page of a run's report, whatever has become of the run; who may see it: test_rights.py."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from airflow.api_fastapi.common.db.common import _get_session
from fastapi import FastAPI

from kubeadm_airflow.pages import reports
from kubeadm_airflow.pages.rights import MAY_SEE_RUN
from kubeadm_upgrade import report

Ask = Callable[[Any], httpx.Response]
DAG, RUN = "kubeadm_upgrade.prod", "manual__1"


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Ask:
    """Asks for the page of the run, which Airflow's database knows as it is given, or not."""
    monkeypatch.setenv(report.DIRECTORY_VARIABLE, str(tmp_path))

    def asked(run: Any) -> httpx.Response:
        pages = FastAPI()
        pages.include_router(reports.router)
        pages.dependency_overrides[MAY_SEE_RUN.dependency] = lambda: None
        pages.dependency_overrides[_get_session] = lambda: SimpleNamespace(scalar=lambda statement: run)
        return asyncio.run(get(pages))

    async def get(pages: Any) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(pages), base_url="http://airflow") as client:
            return await client.get(f"/reports/{DAG}/{RUN}")

    return asked


def run_in(state: str, report_task: str | None = None) -> Any:
    task = SimpleNamespace(state=report_task) if report_task else None
    return SimpleNamespace(state=state, get_task_instance=lambda task_id: task)


def test_there_is_no_such_run(ask):
    answer = ask(None)
    assert answer.status_code == 404
    assert f"There is no run <code>{RUN}</code> of <code>{DAG}</code>, and no report of one." in answer.text


@pytest.mark.parametrize("state", ["queued", "running"])
def test_a_run_that_is_under_way_has_no_plan_yet(ask, state):
    answer = ask(run_in(state))
    assert answer.status_code == 200
    assert "The run is under way, and has no plan yet" in answer.text


def test_a_run_that_is_under_way_shows_its_plan(ask):
    report.write(report.plan_path(DAG, RUN), "# The plan")
    assert "The run is under way: this is its plan" in ask(run_in("running")).text


@pytest.mark.parametrize(
    ("task", "words"),
    [
        pytest.param("failed", "its task <code>report</code> is in state <em>failed</em>", id="it has failed"),
        pytest.param(None, "it had no task <code>report</code>", id="of a DAG that has lost it"),
    ],
)
def test_a_run_that_ended_without_a_report_says_why(ask, tmp_path, task, words):
    """Its plan is no sign that it goes on."""
    report.write(report.plan_path(DAG, RUN), "# The plan")
    text = ask(run_in("failed", task)).text
    assert f"The run has ended (failed), and there is no report of it in <code>{tmp_path}/{DAG}</code>: {words}" in text
    assert "<strong>What to do:</strong> read that task's log" in text
    assert "under way" not in text
    assert "The plan" in text


def test_a_report_outlives_its_run(ask):
    """Rows of Airflow's database are cleaned up; and no raw HTML of a host's gets through."""
    markdown, _ = report.paths(DAG, RUN)
    report.write(markdown, "# prod: done <script>alert(1)</script>")
    answer = ask(None)
    assert answer.status_code == 200
    assert "prod: done &lt;script&gt;" in answer.text


def test_a_report_has_its_picture_where_it_tells_of_time(ask):
    """Made of the JSON beside it, and of nothing that needs a style or a script of its own."""
    outcome = {"node": "w1", "step": "drain_node", "status": "changed"}
    times = {"began": "2026-11-26T12:00:00+00:00", "ended": "2026-11-26T12:01:00+00:00", "waited": []}
    markdown, plain = report.paths(DAG, RUN)
    report.write(markdown, "# prod\n\n## Where the time went\n\n## Steps\n")
    assert "<svg" not in ask(None).text
    report.write(plain, json.dumps({"outcomes": [outcome | times], "unfinished": []}))
    text = ask(None).text
    assert text.count("<svg") == 1
    assert text.index("Where the time went") < text.index("<svg") < text.index("Steps")
    assert "style=" not in text


def test_a_table_has_no_style_of_its_own(ask):
    """The policy allows none; a column of numbers is set right all the same."""
    markdown, _ = report.paths(DAG, RUN)
    report.write(markdown, "| Hop |\n| ---: |\n| 1 |\n")
    text = ask(None).text
    assert '<td class="right">1</td>' in text
    assert "style=" not in text
