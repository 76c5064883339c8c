"""Four minor releases in four runs, each of which triggers the next; two drains for every worker."""

from __future__ import annotations

import json

import httpx
import jsonschema
import pytest

from e2e.records import applies, control_plane, cordons, most_out_of_service, widest_kubelet_skew, workers
from harness.rest import ApiError
from harness.settings import REPOSITORY
from kubeadm_upgrade.__main__ import main

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

VERSIONS = ("1.29.15", "1.30.14", "1.31.14", "1.32.13")


@pytest.fixture(scope="module")
def path(site, climbing):
    """The ids of all runs of the path, once each of them has succeeded."""
    dag_id, first = climbing
    run_ids = [first, *(f"{first}~{number}" for number in range(2, len(VERSIONS) + 1))]
    for run_id in run_ids:
        state = site.api.wait_for_run(dag_id, run_id, patience=400)
        assert state == "success", site.trouble(dag_id, run_id)
    return dag_id, run_ids


def test_each_run_makes_one_hop_and_the_last_triggers_none(site, path):
    """As many runs as hops, with the first one's parameters."""
    dag_id, run_ids = path
    runs = {run["dag_run_id"]: run for run in site.api.get(f"/dags/{dag_id}/dagRuns")["dag_runs"]}
    assert set(runs) == set(run_ids)
    assert {json.dumps(run["conf"]) for run in runs.values()} == {json.dumps({"target_version": "1.32"})}
    reports = [site.report(dag_id, run_id) for run_id in run_ids]
    assert [one["hop"]["to"] for one in reports] == list(VERSIONS)
    assert [one["next_run"] for one in reports] == [*run_ids[1:], None]
    assert {one["result"] for one in reports} == {"Done and verified"}


def test_a_run_of_a_path_says_where_it_goes(site, path):
    """Its id is that of the first run with a number; Airflow shows the note beside it."""
    dag_id, run_ids = path
    runs = {run["dag_run_id"]: run for run in site.api.get(f"/dags/{dag_id}/dagRuns")["dag_runs"]}
    assert [runs[run_id]["note"] for run_id in run_ids] == [
        None,
        f"the next hop goes to 1.30.14, on the way to 1.32.13, after {run_ids[0]}",
        f"the next hop goes to 1.31.14, on the way to 1.32.13, after {run_ids[1]}",
        f"the next hop goes to 1.32.13, after {run_ids[2]}",
    ]


def test_no_task_of_a_run_that_went_well_is_skipped(site, path):
    """Also of the last one, which triggers none, and of those that drain no worker."""
    dag_id, run_ids = path
    for run_id in run_ids:
        states = {task.task_id: task.state for task in site.api.task_instances(dag_id, run_id)}
        assert states["next_hop"] == "success", run_id
        assert {task for task, state in states.items() if state != "success" and "." not in task} == set(), run_id


def test_another_path_can_be_planned_from_what_the_first_run_saw(site, path, tmp_path, capsys):
    """As README has it: the XCom of the task look, saved to a file, and a target beyond that run's."""
    dag_id, run_ids = path
    file = tmp_path / "climb.json"
    file.write_text(json.dumps(site.api.xcom(dag_id, run_ids[0], "look")))
    assert main(["plan", "--from-state", str(file), "--target", "1.33", "--worker-moves", "even"]) == 0
    assert "5 hops" in capsys.readouterr().out


def test_a_parameter_that_is_none_is_refused_in_words(site, path):
    """By the API at once, and by the form with the same words; a list may be left empty."""
    dag_id, _ = path
    body = {"logical_date": None, "conf": {"target_version": "latest", "nodes": None}}
    with pytest.raises(ApiError, match=r"param target_version: 'latest' is not one of \['a minor release, as 1.29', "):
        site.api.call("POST", f"/dags/{dag_id}/dagRuns", body)


def test_every_worker_is_drained_twice_and_is_never_more_than_three_behind(site, path):
    """By the lab's own record of every change (invariants I1 and I5)."""
    cluster = site.cluster("climb")
    count = cordons(cluster)
    assert {name: count[name] for name in workers(cluster)} == dict.fromkeys(workers(cluster), 2)
    assert widest_kubelet_skew(cluster) == 3
    assert cluster.violations == []
    assert applies(cluster) == 4
    assert most_out_of_service(cluster, workers(cluster)) <= 2
    assert most_out_of_service(cluster, control_plane(cluster)) <= 1


def test_the_cluster_is_at_the_target(site, path):
    """Every node, Ready and schedulable."""
    cluster = site.cluster("climb")
    for name in cluster.nodes:
        state = cluster.node_state(name)
        assert (state.ready, state.schedulable) == (True, True)
        assert cluster.object("Node", None, name)["status"]["nodeInfo"]["kubeletVersion"] == "v1.32.13"


def test_the_first_run_shows_the_whole_path(site, path):
    """As JSON that its schema describes, as a page beside the run's report, and in the report."""
    dag_id, run_ids = path
    plan = site.api.xcom(dag_id, run_ids[0], "plan", key="path")
    jsonschema.validate(plan, json.loads((REPOSITORY / "docs" / "plan.schema.json").read_text()))
    assert [hop["to"] for hop in plan["hops"]] == list(VERSIONS)
    page = (site.airflow.reports / dag_id / f"{run_ids[0]}.plan.md").read_text()
    assert page.startswith("# climb: 1.28.15 → 1.32.13\n\nPlan " + plan["plan"])
    markdown = site.report_page(dag_id, run_ids[0])
    assert "## Hop 4: 1.31.14 → 1.32.13" in markdown
    assert f"The path goes on in run `{run_ids[1]}`." in markdown


def test_the_later_plans_are_the_rest_of_the_first(site, path):
    """Planned anew from what was looked at, each time."""
    dag_id, run_ids = path
    plans = [
        [(hop["to"], sorted(name for group in hop["moving"] for name in group["nodes"])) for hop in plan["hops"]]
        for plan in (site.api.xcom(dag_id, run_id, "plan", key="path") for run_id in run_ids)
    ]
    assert plans == [plans[0][number:] for number in range(4)]


def test_a_second_try_of_the_trigger_starts_no_second_run(site, path):
    """Its run is there already, and the run succeeds again."""
    dag_id, run_ids = path
    (task,) = [task for task in site.api.task_instances(dag_id, run_ids[1]) if task.task_id == "next_hop"]
    site.api.clear(dag_id, run_ids[1], [task])
    assert site.api.wait_for_run(dag_id, run_ids[1], patience=120) == "success"
    again = site.api.wait_for_task(dag_id, run_ids[1], "next_hop", states=["success", "failed"])
    assert again.state == "success"
    assert len(site.api.get(f"/dags/{dag_id}/dagRuns")["dag_runs"]) == len(run_ids)


def test_the_plan_is_on_the_page_of_the_run(site, path):
    """The tab that the plugin adds asks for it as the user who is logged in."""
    dag_id, run_ids = path
    address = f"{site.airflow.url}/kubeadm-upgrade/reports/{dag_id}/{run_ids[0]}"
    answer = httpx.get(
        address, headers={"Authorization": f"Bearer {site.airflow.token()}"}, trust_env=False, timeout=60
    )
    assert answer.status_code == 200
    assert "1.30.14 → 1.31.14" in answer.text
    assert httpx.get(address, trust_env=False, timeout=60).status_code in (401, 403)
