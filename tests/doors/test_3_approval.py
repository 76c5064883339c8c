"""A real Airflow asks somebody before it upgrades, and lets nobody answer who was not asked."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import yaml

from e2e.records import applies, cordons
from harness.rest import ApiError
from harness.site import Site, open_site

pytestmark = [pytest.mark.doors, pytest.mark.timeout(900)]

ASKS = {"when": "always", "approvers": ["ann", "bob"]}
CLUSTERS = {
    "agreed": (1, 2, {"approval": ASKS}),
    "refused": (1, 2, {"approval": ASKS}),
    "late": (1, 1, {"approval": {**ASKS, "deadline": "3s"}}),
    "moved": (1, 2, {"approval": ASKS}),
}
USERS = {"admin": "admin", "ann": "user", "bob": "user", "eve": "op"}
TWO_HOPS = {"target_version": "1.30"}


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with open_site(tmp_path_factory.mktemp("asking"), CLUSTERS, {}, users=USERS) as site:
        yield site


@pytest.fixture(scope="module")
def runs(asking):
    """Of each cluster one, that begins when it is first asked for."""

    class Runs(dict):
        def __missing__(self, name):
            self[name] = asking.start(name, **(TWO_HOPS if name in ("agreed", "moved") else {}))
            return self[name]

    return Runs()


@pytest.fixture(scope="module")
def people(asking):
    found = {name: asking.airflow.api_as(name) for name in USERS}
    yield found
    for one in found.values():
        one.close()


def path(dag_id, run_id):
    return f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/approve/-1/hitlDetails"


def question(site, dag_id, run_id):
    site.api.wait_for_task(dag_id, run_id, "approve", states=["awaiting_input", "failed"], patience=240)
    return site.api.get(path(dag_id, run_id))


def answer(api, run, option, **form):
    return api.call("PATCH", path(*run), {"chosen_options": [option], "params_input": form})


def untouched(site, name):
    """Nothing was written but the ledger, nothing was run as root on a host."""
    cluster = site.cluster(name)
    return applies(cluster) == 0 and sum(cordons(cluster).values()) == 0


def test_whoever_is_asked_sees_the_plan(asking, runs):
    asked = question(asking, *runs["agreed"])
    plan = asking.api.xcom(*runs["agreed"], "plan", key="path")
    assert asked["subject"].startswith(f"agreed: upgrade from 1.28.15 to 1.30.14? (plan {plan['plan']}-")
    assert "| 2 | 1.29.15 → 1.30.14 | 2 | 0 |" in asked["body"]
    assert "[upgrade page](https://v1-30.docs.kubernetes.io/docs/tasks/" in asked["body"]
    assert [user["id"] for user in asked["assigned_users"]] == ["ann", "bob"]
    assert (asked["options"], sorted(asked["params"])) == (["Approve", "Refuse"], ["reason", "waive"])


def test_somebody_who_was_not_asked_is_refused_by_airflow(asking, runs, people):
    question(asking, *runs["refused"])
    for name in ("eve", "admin"):
        with pytest.raises(ApiError, match=r"403.*is not a respondent for the task"):
            answer(people[name], runs["refused"], "Approve")
    assert asking.api.run_state(*runs["refused"]) == "running"


def test_a_refusal_ends_the_run_and_the_cluster_is_untouched(asking, runs, people):
    question(asking, *runs["refused"])
    answer(people["bob"], runs["refused"], "Refuse", reason="not this week")
    assert asking.api.wait_for_run(*runs["refused"]) == "failed"
    report = asking.report(*runs["refused"])
    (told,) = [task for task in report["unfinished"] if task["task"] == "approve"]
    assert told["why"] == "refused: refused by bob: not this week; no node was touched"
    assert untouched(asking, "refused")


def test_at_the_deadline_it_counts_as_refused(asking, runs):
    assert asking.api.wait_for_run(*runs["late"]) == "failed"
    (told,) = [task for task in asking.report(*runs["late"])["unfinished"] if task["task"] == "approve"]
    assert told["why"].startswith("late: nobody (ann or bob) has answered in time, so it counts as refused")
    assert untouched(asking, "late")


def test_what_was_approved_goes_on_and_the_next_hop_carries_it(asking, runs, people):
    """With its reason, in both reports; at the end of the path the ledger has forgotten it."""
    question(asking, *runs["agreed"])
    answer(people["ann"], runs["agreed"], "Approve", reason="ticket 7")
    dag_id, run_id = runs["agreed"]
    assert asking.api.wait_for_run(dag_id, run_id, patience=300) == "success", asking.trouble(dag_id, run_id)
    assert asking.api.wait_for_run(dag_id, f"{run_id}~2", patience=300) == "success", asking.trouble(
        dag_id, f"{run_id}~2"
    )
    first, second = asking.report(dag_id, run_id), asking.report(dag_id, f"{run_id}~2")
    assert first["approval"] == second["approval"]
    assert (second["approval"]["by"], second["approval"]["why"], second["approval"]["run"]) == (
        "ann",
        "ticket 7",
        run_id,
    )
    assert f"Approved by ann at {second['approval']['at']}, in run `{run_id}`" in asking.report_page(
        dag_id, f"{run_id}~2"
    )
    ledger = asking.cluster("agreed").object("ConfigMap", "kube-system", "kubeadm-fleet-ledger")["data"]
    assert "approved" not in ledger


def test_a_cluster_that_has_changed_in_between_is_asked_about_again(asking, runs, people):
    """A worker joins during the first hop: the next one shows it, and goes no further before somebody agrees."""
    question(asking, *runs["moved"])
    answer(people["ann"], runs["moved"], "Approve")
    dag_id, run_id = runs["moved"]
    asking.api.wait_for_task(dag_id, run_id, "approve", states=["success"])
    asking.cluster("moved").join_node("moved-w9", "1.28.15")
    assert asking.api.wait_for_run(dag_id, run_id, patience=300) == "success", asking.trouble(dag_id, run_id)
    asked = question(asking, dag_id, f"{run_id}~2")
    assert asked["body"].startswith("## What has changed since\n\nIt was approved by ann on ")
    assert "- worker moved-w9 is new\n" in asked["body"]
    ledger = asking.cluster("moved").object("ConfigMap", "kube-system", "kubeadm-fleet-ledger")["data"]
    assert yaml.safe_load(ledger["approved"])["terms"]["hops"][1]["workers"] == ["moved-w1", "moved-w2"]
    answer(people["bob"], (dag_id, f"{run_id}~2"), "Refuse", reason="not with w9")
    assert asking.api.wait_for_run(dag_id, f"{run_id}~2") == "failed"
    assert applies(asking.cluster("moved")) == 1


def test_a_task_that_is_cleared_asks_anew(asking, runs, people):
    """The same plan by the same question; the old answer is not taken for a new one."""
    dag_id, run_id = runs["refused"]
    asking.api.wait_for_run(dag_id, run_id)
    (task,) = [one for one in asking.api.task_instances(dag_id, run_id) if one.task_id == "approve"]
    asking.api.clear(dag_id, run_id, [task])
    asked = question(asking, dag_id, run_id)
    assert asked["response_received"] is False
    answer(people["ann"], (dag_id, run_id), "Approve", reason="this week after all")
    assert asking.api.wait_for_run(dag_id, run_id, patience=300) == "success", asking.trouble(dag_id, run_id)
    assert asking.report(dag_id, run_id)["approval"]["why"] == "this week after all"
