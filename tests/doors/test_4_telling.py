"""People are told by a whole Airflow, and no upgrade waits for whoever is told."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import datetime
from functools import partial

import pytest

from e2e.records import applies
from harness.airflow import SCHEDULER, TRIGGERER
from harness.receiver import Receiver, open_receiver
from harness.rest import AirflowApi, wait_for
from harness.site import Clusters, Site, open_site

pytestmark = [pytest.mark.doors, pytest.mark.timeout(1800)]

SLOW = 30.0
HOOKS = [{"webhook": {"conn_id": name}} for name in ("slow", "broken")]
CLUSTERS: Clusters = {
    "loud": (1, 2, {"notify": {"channels": ["log", *HOOKS], "late_after": "10s"}}),
    "quiet": (1, 2, {}),
    "held": (1, 2, {"notify": {"channels": [{"webhook": {"conn_id": "well"}}], "blocked_after": "8s"}}),
}


@pytest.fixture(scope="module")
def receivers() -> Iterator[dict[str, Receiver]]:
    """One that takes half a minute for each, one that answers 500, and one that is well."""
    with open_receiver() as slow, open_receiver() as broken, open_receiver() as well:
        slow.seconds, broken.statuses = SLOW, [500]
        yield {"slow": slow, "broken": broken, "well": well}


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, receivers: dict[str, Receiver]) -> Iterator[Site]:
    """An Airflow of its own: how long a run takes is measured here."""
    hooks = {
        f"AIRFLOW_CONN_{name.upper()}": json.dumps({"conn_type": "http", "host": one.url, "password": "s3cret"})
        for name, one in receivers.items()
    }
    with open_site(tmp_path_factory.mktemp("told"), CLUSTERS, {}, lambda *_: hooks) as running:
        yield running


def seconds_of(site: Site, dag_id: str, run_id: str) -> float:
    assert site.api.wait_for_run(dag_id, run_id, 900) == "success", site.trouble(dag_id, run_id)
    run = site.api.run(dag_id, run_id)
    began, ended = (datetime.fromisoformat(run[name]) for name in ("start_date", "end_date"))
    return (ended - began).total_seconds()


@pytest.fixture(scope="module")
def times(told: Site) -> dict[str, float]:
    """Of one run each, side by side: whatever else the machine does, it does to both."""
    started = {name: told.start(name) for name in ("loud", "quiet")}
    return {name: seconds_of(told, *run) for name, run in started.items()}


def test_who_does_not_listen_costs_an_upgrade_nothing(times, capsys):
    with capsys.disabled():
        print(
            f"\nan upgrade took {times['quiet']:.1f} s with nobody told, {times['loud']:.1f} s with receivers that fail"
        )
    assert times["loud"] < times["quiet"] * 1.25 + 5


def test_everybody_was_told_what_happened(told, times, receivers):
    wanted = {"plan_ready", "started", "finished", "late"}
    for name in ("slow", "broken"):
        wait_for(lambda name=name: wanted <= set(receivers[name].kinds()), f"all events at {name}", 120)
        assert all("webhook-signature" in request.headers for request in receivers[name].arrived)
        assert {request.event["subject"] for request in receivers[name].arrived} == {"loud"}


# by map index, what the first try has logged by its very end: the last lines come after Airflow shows its state
FIRST_TRY = {
    0: ("told: log",),
    1: ("127.0.0.1 has not answered the webhook slow in 10 s", "it is tried again by itself"),
    2: ("127.0.0.1 answers 500 to the webhook broken", "it is tried again by itself"),
}


def first_tries(api: AirflowApi, dag_id: str, run: str) -> dict[int, str]:
    """The log of each channel's first try, as far as there is one."""
    tasks = [task for task in api.task_instances(dag_id, run) if task.started or task.try_number > 1]
    logs = {task.map_index: api.log(dag_id, run, "tell", task.map_index) for task in tasks}
    return {index: "\n".join(line.text for line in log) for index, log in logs.items()}


def unsaid(logs: dict[int, str]) -> list[str]:
    return [f"{index}: {text}" for index, said in FIRST_TRY.items() for text in said if text not in logs.get(index, "")]


def test_each_event_is_a_run_and_says_what_became_of_it(told, times):
    """The log was told; the others are tried again, or were, and say why."""
    api, dag_id = told.api, "kubeadm_tell.loud"
    runs = sorted(api.run_ids(dag_id))
    assert [run.split(".")[0] for run in runs] == ["finished", "plan_ready", "started"]
    for run in runs:
        look = partial(first_tries, api, dag_id, run)
        # two tasks of this DAG at once, and each run of it has one that takes ten seconds at every try
        wait_for(lambda look=look: not unsaid(look()), f"{run} to say all", 240, lambda look=look: str(unsaid(look())))
        logs = look()
        assert logs.keys() == FIRST_TRY.keys()
        assert "s3cret" not in "".join(logs.values())
        api.wait_for_task(dag_id, run, "tell", "log", ["success"])


def test_the_upgrade_says_that_people_are_told(told, times):
    log = "\n".join(line.text for line in told.api.log("kubeadm_upgrade.loud", "test-0", "plan"))
    assert "people are told: loud: the plan is ready: Plan " in log


def test_a_run_is_late_by_a_deadline_of_airflows(told, times, receivers):
    """Told by the triggerer, past the DAG; one that does not take it is tried again."""
    of = {name: [one for one in receivers[name].arrived if one.event["data"]["event"] == "late"] for name in receivers}
    assert (len(of["well"]), bool(of["slow"]), bool(of["broken"])) == (0, True, True)
    assert of["slow"][0].event["data"]["title"] == "loud: the run has not ended after 10s."


def test_what_is_blocked_is_told_once_whatever_dies(told, receivers):
    """A node does not get Ready; everything is killed after people were told; mended, the run goes on and ends well."""
    cluster, well = told.cluster("held"), receivers["well"]
    fault = cluster.faults.never_ready("held-w1")
    dag_id, run_id = told.start("held")
    wait_for(lambda: "blocked" in well.kinds(), "somebody to be told what blocks", 300)
    for component in (SCHEDULER, TRIGGERER):
        told.airflow.kill(component)
    for component in (SCHEDULER, TRIGGERER):
        told.airflow.start_component(component)
    told.airflow.wait_healthy(SCHEDULER, TRIGGERER)
    time.sleep(15)  # longer than what blocks may last untold
    fault.lift()
    assert told.api.wait_for_run(dag_id, run_id, patience=300) == "success", told.trouble(dag_id, run_id)
    blocked = [request for request in well.arrived if request.event["data"]["event"] == "blocked"]
    of_node = {request.event["id"] for request in blocked if "node_ready" in request.event["data"]["title"]}
    assert len(of_node) == 1
    assert "held-w1 is not Ready" in next(r.event["data"]["title"] for r in blocked if r.event["id"] in of_node)
    assert applies(cluster) == 1
    assert cluster.violations == []
    wait_for(lambda: "finished" in well.kinds(), "somebody to be told of the end", 60)
