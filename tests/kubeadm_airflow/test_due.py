"""The first task of a run that a schedule has opened, against the lab: nothing to do, something, or nobody can tell."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import DownstreamTasksSkipped

from kubeadm_airflow.endings import EndedForAPerson
from kubeadm_airflow.hooks.cluster_api import ClusterApi
from kubeadm_airflow.hooks.cluster_ledger import change_ledger
from kubeadm_upgrade import report
from kubeadm_upgrade.assignment import RunId
from kubeadm_upgrade.inventory import load_cluster_named
from lab import ClusterSpec
from upgrade_dags.cluster import build_cluster_dag

NOW = datetime.now(UTC)
# so far from now that no test meets it
NEXT = NOW + timedelta(days=9)
WINDOWS = {"timezone": "Europe/Berlin", "once": [{"start": f"{NEXT:%Y-%m-%d}T22:00", "duration": "4h"}]}


@pytest.fixture
def clusters(walk, tmp_path, monkeypatch):
    """One cluster, at this version; its file says 1.29."""
    monkeypatch.setenv("KUBEADM_UPGRADE_REPORTS", str(tmp_path / "reports"))
    return lambda version, **settings: walk(
        ClusterSpec("due", control_plane=1, workers=2, version=version), windows=WINDOWS, **settings
    )


def asked(conf=None, **run):
    """What the task `due` of such a run says, and the tasks that it skips; nothing and none where the run goes on."""
    pushed = {}

    async def push(key, value):
        pushed[key] = value

    dag = build_cluster_dag(load_cluster_named("due"))
    plain = {
        "run_type": "scheduled",
        "clear_number": 0,
        "start_date": NOW,
        "run_after": NOW.replace(microsecond=0),  # the ledger's times have none
        "data_interval_end": NOW + timedelta(hours=4),
    }
    context = {
        "dag": dag,
        "run_id": "scheduled__2026-11-26T21:00:00+00:00",
        "dag_run": SimpleNamespace(conf=conf or {}, **plain | run),
        "params": {name: dag.params[name] for name in dag.params} | (conf or {}),
        "ti": SimpleNamespace(axcom_push=push),
    }
    skipped = []
    try:
        dag.get_task("due").execute(context)
    except DownstreamTasksSkipped as end:
        skipped = end.tasks
    assert set(skipped) == (set(dag.task_ids) - {"due"} if pushed else set())
    return pushed.get("nothing_to_do")


def test_a_cluster_that_is_where_it_is_to_be(clusters):
    """Everything after it is skipped, the report among them; what was seen is kept for the fleet's page."""
    clusters("1.29.15")
    said = asked()
    assert said.startswith("Nothing to do: due is at 1.29.15, every node Ready. ")
    assert f"{NEXT.day} {NEXT:%b}" in said
    assert report.last_look("due").kubelets == {"1.29.15": 3}


def test_a_cluster_with_something_to_do_goes_on(clusters):
    clusters("1.28.15")
    assert asked() is None


def test_a_node_that_somebody_has_cordoned_is_their_matter(clusters):
    """Else each window would have a whole run, and a backup, until they uncordon it."""
    walker = clusters("1.29.15")

    async def cordon():
        async with ClusterApi.open(walker.cluster.kubernetes_conn_id) as api:
            await api.patch_node("due-w1", {"spec": {"unschedulable": True}})

    asyncio.run(cordon())
    assert asked().startswith("Nothing to do: due is at 1.29.15, every node Ready. ")


def test_what_cannot_be_seen_or_planned_is_for_the_tasks_after_it_to_tell(clusters):
    """An API that is away is no cluster at its target; nor is one whose target nobody offers."""
    walker = clusters("1.29.15")
    with walker.lab.faults.api_down():
        assert asked() is None
    assert asked(conf={"target_version": "1.29.99"}) is None


@pytest.mark.parametrize("run_type", ["manual", "operator_triggered"])
def test_a_run_that_somebody_has_started_is_not_looked_at(clusters, run_type):
    """Nor is one that its path goes on in: who wants it gets it, and it costs no request."""
    walker = clusters("1.29.15")
    with walker.lab.faults.api_down():
        assert asked(run_type=run_type) is None


def test_a_run_that_was_aborted_does_not_begin_again_in_the_same_window(clusters):
    """The next window has a run of its own, which goes on; so does this one, once somebody has cleared it."""
    walker = clusters("1.28.15")

    async def abort():
        other = RunId("by-hand")
        await change_ledger(walker.cluster, lambda there: there.claimed(other, NOW))
        await change_ledger(walker.cluster, lambda there: replace(there, aborted="too late").released(NOW))

    asyncio.run(abort())
    assert asked().startswith("Not begun: run by-hand was aborted in this window (too late). ")
    assert asked(clear_number=1) is None
    assert asked(run_after=NOW + timedelta(days=1)) is None


def test_a_run_that_comes_after_its_window_is_not_begun(clusters):
    """Airflow was away, and opens what it had planned before; the next window has a run of its own."""
    clusters("1.28.15")
    ended = datetime(2026, 11, 26, 1, 0, tzinfo=UTC)
    said = asked(data_interval_end=ended)
    assert said.startswith(
        "Not begun: its window was over on Thu 26 Nov 02:00, before this run could begin. The next window"
    )
    assert f"{NEXT.day} {NEXT:%b}" in said
    assert asked(data_interval_end=ended, clear_number=1) is None  # somebody wants it


@pytest.mark.parametrize("run_type", ["manual", "scheduled"])
@pytest.mark.parametrize(
    ("conf", "said"),
    [
        pytest.param(
            {"target_verison": "1.30"}, "unknown parameter target_verison: did you mean target_version?", id="misspelt"
        ),
        pytest.param({"Dry-Run": True}, "unknown parameter Dry-Run: did you mean dry_run?", id="as others write it"),
        pytest.param({"xyzzy": 1}, "unknown parameter xyzzy", id="like none"),
        pytest.param(
            {"node": [], "xyzzy": 1}, "unknown parameter node: did you mean nodes? (and 1 more)", id="two of them"
        ),
    ],
)
def test_a_parameter_that_nobody_knows_is_refused_first(clusters, conf, said, run_type):
    """Airflow lets it pass; a misspelt one must upgrade nothing. In its first line is what is meant."""
    clusters("1.28.15")
    with pytest.raises(EndedForAPerson) as caught:
        asked(conf=conf, run_type=run_type)
    what, *_ = caught.value.error.what.splitlines()
    assert what == said
    assert "target_version" in caught.value.error.do


@pytest.mark.parametrize("conf", [{"nodes": None, "give_up": None, "take_over": None}, {"nodes": [""]}], ids=str)
def test_fields_that_somebody_has_emptied_are_taken(clusters, conf):
    clusters("1.28.15")
    assert asked(conf=conf, run_type="manual") is None


def test_the_target_of_a_scheduled_run_is_what_the_file_says_when_it_begins(clusters, tmp_path):
    """Its parameters are the defaults, and no run keeps them: with a later target there is something to do."""
    clusters("1.29.15")
    assert asked() is not None
    path = tmp_path / "inventory" / "due.yaml"
    path.write_text(path.read_text().replace("1.29", "1.30"))
    assert asked() is None
