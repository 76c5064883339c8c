"""The likeliest mistakes of a first hour: each fails at once, and says what is wrong and what to do, and no more."""

from __future__ import annotations

import re
from html import unescape

import httpx
import pytest

from e2e.first_hour import MISTAKES, Mistake, begin

# the first test waits until all runs have started, and for its own
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

PATIENCE = 500


@pytest.fixture(scope="session")
def runs(request, site):
    """All that are to be tested, at the same time."""
    tests = " ".join(item.nodeid for item in request.session.items)
    wanted = [name for name in MISTAKES if f"[{name}]" in tests]
    begin(site.inventory)
    site.api.parse_again(site.api.dag("kubeadm_upgrade.novice")["file_token"])
    for name in wanted:
        site.api.wait_for_dag(f"kubeadm_upgrade.{name}", 120)
    return {name: site.start(name, **MISTAKES[name].conf) for name in wanted}


@pytest.fixture(scope="session")
def browser(site):
    """Logged in as a person is."""
    headers = {"Authorization": f"Bearer {site.airflow.token()}"}
    with httpx.Client(base_url=site.airflow.url, headers=headers, trust_env=False, timeout=60) as client:
        yield client


def lines_of(site, name: str, mistake: Mistake) -> tuple[str, str]:
    """Its two lines, with what they name."""
    cluster = site.cluster(mistake.cluster)
    worker = f"{mistake.cluster}-w1"
    node = cluster.nodes[worker]
    directory = site.airflow.home.parent / "mistakes" / name
    told = {
        "name": name,
        "conn": name.replace("-", "_"),
        "cluster": mistake.cluster,
        "directory": directory,
        "inventory": directory.parent.parent / "inventory",
        "worker": worker,
        "address": node.address,
        "port": node.port,
        "user": site.lab.ssh_user,
        "context": "kubeadm-fleet@novice",
    }
    return mistake.what.format(**told), f"What to do: {mistake.do.format(**told)}"


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_in_two_lines(site, runs, browser, name):
    """At the end of the task's log, without a frame of a stack anywhere, and on the page of the run's report."""
    mistake, (dag_id, run_id) = MISTAKES[name], runs[name]
    assert site.api.wait_for_run(dag_id, run_id, PATIENCE) == "failed"
    what, do = lines_of(site, name, mistake)

    tasks = {task.task_id: task for task in site.api.task_instances(dag_id, run_id)}
    failed = tasks[mistake.task]
    assert failed.state == "failed"
    lines = site.api.log(dag_id, run_id, mistake.task, try_number=failed.try_number)
    assert [line.text for line in lines[-2:]] == [what, do]
    assert [line.level for line in lines[-2:]] == ["error", "error"]
    logs = [raw_log(site, dag_id, run_id, task) for task in tasks.values() if task.state == "failed"]
    assert not any(word in log for word in ("frames", "Traceback") for log in logs)
    if not mistake.time_cures and name != "broken-file":  # which is never tried again
        assert "only a person can cure this" in raw_log(site, dag_id, run_id, failed)

    page = browser.get(f"/kubeadm-upgrade/reports/{dag_id}/{run_id}")
    text = unescape(re.sub("<[^>]*>", "", page.text))
    assert page.status_code == 200
    assert what in text
    assert do in text
    assert site.report(dag_id, run_id)["result"] == "Not finished"


def raw_log(site, dag_id: str, run_id: str, task) -> str:
    """As it is written: with whatever Airflow's page makes of it."""
    path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task.task_id}/logs/{task.try_number}"
    answer = site.api.get(path, map_index=task.map_index, full_content=True)
    return str(answer["content"])


@pytest.mark.parametrize("name", ["nobody-listens"])
def test_what_time_may_cure_says_that_it_is_tried_again(site, runs, name):
    """And how often still; a try that Airflow itself has ended says nothing."""
    dag_id, run_id = runs[name]
    site.api.wait_for_run(dag_id, run_id, PATIENCE)
    last = site.api.wait_for_task(dag_id, run_id, "look").try_number
    ends = [site.api.log(dag_id, run_id, "look", try_number=number)[-1].text for number in range(1, last)]
    told = [text.rpartition(", ")[2] for text in ends if text.startswith("What to do: ")]
    assert last >= 3
    assert set(told) <= {"2 more times", "once more"}
    assert told or last > 3


def test_the_report_of_a_run_that_does_not_exist_is_not_there(browser):
    """A sentence, and a status that says so; for whoever may see runs."""
    page = browser.get("/kubeadm-upgrade/reports/kubeadm_upgrade.novice/nonsense")
    assert page.status_code == 404
    assert "There is no run <code>nonsense</code> of <code>kubeadm_upgrade.novice</code>" in page.text
