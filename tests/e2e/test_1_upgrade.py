"""The main job through a real Airflow, start to end, and what the lab's own records say of it."""

from __future__ import annotations

import pytest

from e2e.records import applies, beside_the_ledger, commands, control_plane, most_out_of_service, workers
from harness.rest import ApiError

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


def outcomes(site, dag_id: str, run_id: str) -> list[dict]:
    return site.report(dag_id, run_id)["outcomes"]


def printed_commands(told: list[dict]) -> dict[str, list[str]]:
    """Node to the host commands among the actions of a report, in the order of its steps."""
    by_node: dict[str, list[str]] = {}
    for outcome in told:
        by_node.setdefault(outcome["node"], []).extend(line for line in outcome["actions"] if line.startswith("sudo "))
    return by_node


@pytest.fixture(scope="module")
def others(site, climbing):
    """Runs that need nobody to look at them while they go: two at a time, and half of four."""
    return {name: site.start(name) for name in ("two", "half")}


@pytest.fixture(scope="module")
def rehearsed(site, others):
    """A dry run of the cluster `one`, before anything has touched it."""
    before = len(site.cluster("one").mutations)
    dag_id, run_id = site.run("one", dry_run=True)
    return outcomes(site, dag_id, run_id), commands(site.cluster("one")), len(site.cluster("one").mutations) - before


@pytest.fixture(scope="module")
def upgraded(site, rehearsed):
    """The real run after it."""
    return site.run("one")


def test_a_dry_run_changes_nothing(rehearsed):
    """Neither a host nor the API has seen a change; every step is planned or needs nothing."""
    told, changed, mutations = rehearsed
    assert (changed, mutations) == ({}, 0)
    assert {outcome["status"] for outcome in told} <= {"planned", "unchanged"}


def test_a_dry_run_prints_the_commands_that_are_then_run(site, rehearsed, upgraded):
    """Word for word and in order, per node, as the hosts logged them."""
    told, *_ = rehearsed
    assert printed_commands(told) == commands(site.cluster("one"))


def test_the_cluster_is_at_the_target(site, upgraded):
    """Every node runs the latest patch of the target's minor release, Ready and schedulable."""
    cluster = site.cluster("one")
    for name in cluster.nodes:
        state = cluster.node_state(name)
        assert (state.ready, state.schedulable) == (True, True)
        assert cluster.object("Node", None, name)["status"]["nodeInfo"]["kubeletVersion"] == "v1.29.15"
    assert cluster.violations == []
    assert applies(cluster) == 1


def test_the_report_names_the_backup_with_size_and_digest(site, upgraded):
    """The backup task's outcome, and so the report, says what was saved where."""
    told = outcomes(site, *upgraded)
    (backup,) = [outcome for outcome in told if outcome["step"] == "back_up"]
    assert [line.split(":")[0].rsplit("/", 1)[1] for line in backup["details"]] == ["etcd.db", "etc-kubernetes.tar.gz"]
    assert all("bytes, sha256 " in line for line in backup["details"])


def test_a_second_run_changes_nothing(site, upgraded):
    """Every step reports unchanged, and the lab's log shows no mutating command: the ledger alone is written."""
    cluster = site.cluster("one")
    before, mutations = len(cluster.log), len(beside_the_ledger(cluster))
    dag_id, run_id = site.run("one")
    assert {outcome["status"] for outcome in outcomes(site, dag_id, run_id)} == {"unchanged"}
    assert [record.command for record in cluster.log[before:] if record.mutating] == []
    assert len(beside_the_ledger(cluster)) == mutations


def test_workers_that_one_run_does_not_take_are_the_next_ones(site, others):
    """In the same order, with the control plane as the first run has left it, and no tasks for whoever is done."""
    dag_id, first = others["half"]
    taken = []
    for run_id in (first, f"{first}~2"):
        assert site.api.wait_for_run(dag_id, run_id, patience=300) == "success", site.trouble(dag_id, run_id)
        tasks = site.api.task_instances(dag_id, run_id)
        mapped = [task.map_index for task in tasks if task.task_id == "workers.drain_node"]
        taken.append((site.report(dag_id, run_id)["hop"]["workers"], sorted(mapped)))
    assert taken == [(["half-w1", "half-w2", "half-w3"], [0, 1, 2]), (["half-w4"], [0])]
    assert not site.report(dag_id, f"{first}~2")["next_run"]
    runs = {run["dag_run_id"]: run for run in site.api.get(f"/dags/{dag_id}/dagRuns")["dag_runs"]}
    assert runs[f"{first}~2"]["note"] == f"1 more worker to 1.29.15, after {first}"


@pytest.mark.parametrize(
    ("name", "limit"),
    [pytest.param("one", 1, id="1"), pytest.param("two", 2, id="2"), pytest.param("half", 2, id="50% of 4")],
)
def test_never_more_than_max_unavailable(site, upgraded, others, name, limit):
    """By every change that the lab saw; control plane nodes went one by one, the first by apply."""
    cluster = site.cluster(name)
    if name in others:
        dag_id, first = others[name]
        for run_id in (first, *([f"{first}~2"] if name == "half" else [])):
            assert site.api.wait_for_run(dag_id, run_id, patience=300) == "success", site.trouble(dag_id, run_id)
    assert most_out_of_service(cluster, workers(cluster)) <= limit
    assert most_out_of_service(cluster, control_plane(cluster)) <= 1
    assert cluster.violations == []
    assert applies(cluster) == 1
    assert {cluster.node_state(node).ready for node in cluster.nodes} == {True}


@pytest.mark.parametrize(
    ("conf", "words"),
    [
        pytest.param({"target_version": "v1.x"}, "target_version", id="not a version"),
        pytest.param({"dry_run": "yes"}, "dry_run", id="not a boolean"),
        pytest.param({"nodes": "one-w1"}, "nodes", id="not a list"),
    ],
)
def test_the_api_refuses_bad_parameters(site, conf, words):
    """The parameters' JSON schema is enforced before a run exists."""
    with pytest.raises(ApiError, match=words) as caught:
        site.start("one", **conf)
    assert caught.value.status == 400
