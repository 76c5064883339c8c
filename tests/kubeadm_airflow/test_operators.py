"""Operators and triggers where no Airflow is needed to see them: against the lab, over real SSH and HTTPS."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from airflow.sdk.exceptions import AirflowSkipException, DagRunTriggerException
from airflow.triggers.base import TaskSkippedEvent, TaskSuccessEvent

from kubeadm_airflow.hooks.cluster_api import ClusterApi
from kubeadm_airflow.hooks.cluster_claim import claim
from kubeadm_airflow.identity import run_of
from kubeadm_airflow.operators.next_hop import NextHopOperator
from kubeadm_airflow.operators.run import VerifyOperator
from kubeadm_airflow.operators.step import StepOperator
from kubeadm_airflow.run_triggers import ClaimTrigger
from kubeadm_airflow.triggers import StepTrigger
from kubeadm_upgrade.assignment import Assignment, RunId
from kubeadm_upgrade.errors import NotAsPromised, StepRefused, StepTimedOut, Unreachable
from kubeadm_upgrade.steps import Progress
from kubeadm_upgrade.waits import Wait, Waits
from lab import ClusterSpec

NO_SUCCESSOR = SimpleNamespace(get_dr_count=lambda **_: 0)
LONG_AGO = "2026-11-23T00:00:00+00:00"


@pytest.fixture
def walker(walk):
    """A cluster that nothing has touched yet."""
    return walk(ClusterSpec("still", control_plane=1, workers=1, version="1.28.15"))


def late(hop):
    """What a trigger says that has waited for long enough."""
    return first(hop, "workers", "node_ready", began=LONG_AGO).payload


def trigger_of(hop, group, step, **trigger):
    """That goes on with a task of a worker at this step."""
    work = Assignment("still", RunId("run-1"), hop, group, step, "still-w1")
    began = datetime.now(UTC).isoformat()
    return StepTrigger(**{"work": work.to_json(), "progress": Progress().to_json(), "began": began} | trigger)


def first(hop, group, step, **trigger):
    """The event of such a trigger."""

    async def event():
        return await asyncio.wait_for(anext(aiter(trigger_of(hop, group, step, **trigger).run())), 20)

    return asyncio.run(event())


class TaskInstance:
    """What a task has pushed; and what the gates have told before it."""

    try_number = 1

    def __init__(self, *told):
        self.told, self.pushed = list(told), {}

    async def axcom_pull(self, **_):
        return self.told

    async def axcom_push(self, key, value):
        self.pushed[key] = value


def context(*told, **params):
    known = {"dry_run": False, "nodes": [], "give_up": []}
    run = SimpleNamespace(conf={}, run_after=datetime.fromisoformat(LONG_AGO))
    return {"run_id": "run-1", "dag_run": run, "params": known | params, "ti": TaskInstance(*told)}


@pytest.mark.parametrize(
    "waits", [{"kind": "of a later release", "reason": "x", "since": LONG_AGO}, {"reason": "x"}, None], ids=str
)
def test_a_trigger_goes_on_whatever_release_it_was_begun_by(walker, waits):
    """As after a rollback: what is only for boards ends no step."""
    hop = asyncio.run(walker.plan())
    payload = first(hop, "workers", "node_ready", began=LONG_AGO, waits=waits).payload
    assert payload["error"] == "StepTimedOut"


def test_patience_ends_and_says_what_was_waited_for(walker):
    """Nothing upgrades this kubelet."""
    payload = late(asyncio.run(walker.plan()))
    waiting = "still-w1: node_ready: patience has ended, still waiting: still-w1 is Ready, with kubelet 1.28.15"
    assert payload == {"error": "StepTimedOut", "message": waiting}


def test_patience_ends_for_an_api_that_does_not_answer_too(walker):
    """The control plane is waited for, but not for ever."""
    hop = asyncio.run(walker.plan())
    with walker.lab.faults.api_down():
        payload = late(hop)
    assert payload["error"] == "StepTimedOut"
    assert "still waiting: the Kubernetes API does not answer at https://" in payload["message"]


BROKEN = "still.yaml: max_unavailble: unknown key: check its spelling, or remove it"


@pytest.fixture
def file(walker):
    """The cluster's, while somebody edits it."""
    path = Path(os.environ["KUBEADM_UPGRADE_INVENTORY"], "still.yaml")
    good = path.read_text()
    bad = f"{good}max_unavailble: 2\n"
    return SimpleNamespace(spoil=lambda: path.write_text(bad), mend=lambda: path.write_text(good))


async def mended_meanwhile(file, trigger):
    """The event of a trigger that begins while the file is broken."""
    file.spoil()
    going = asyncio.ensure_future(anext(aiter(trigger.run())))
    await asyncio.sleep(0.5)
    assert not going.done()
    file.mend()
    return await asyncio.wait_for(going, 20)


def test_a_step_under_way_waits_until_its_clusters_file_is_mended(walker, file):
    """Nothing is acted on meanwhile, and the time is nobody's but the editor's."""
    going_on = trigger_of(asyncio.run(walker.plan()), "stage", "switch_package_repository")
    event = asyncio.run(mended_meanwhile(file, going_on))
    assert dict(event.xcoms["return_value"][0]["waited"])["file"] >= 0.3


def test_a_run_that_waits_for_the_cluster_waits_for_its_file_too(file):
    claiming = ClaimTrigger(cluster="still", run=RunId("run-1").to_json(), take_over="", give_up=[])
    assert isinstance(asyncio.run(mended_meanwhile(file, claiming)), TaskSuccessEvent)


def test_a_file_that_nobody_mends_is_not_waited_for_for_ever(walker, file):
    hop = asyncio.run(walker.plan())
    file.spoil()
    payload = first(hop, "stage", "switch_package_repository", for_a_person_since=LONG_AGO).payload
    assert payload["message"].endswith(f"patience has ended: {BROKEN}")
    assert payload["do"].startswith("mend ")


def test_an_outcome_tells_when_and_how_long_it_waited_for_what(walker):
    """From the task's own beginning on, also what the worker had found before it left the waiting to the trigger."""
    hop = asyncio.run(walker.plan())
    asyncio.run(walker.step(hop, "stage", "still-w1", "switch_package_repository"))
    waits = Waits(Wait.TURN, "its turn", datetime.now(UTC) - timedelta(seconds=30))
    began = datetime.now(UTC) - timedelta(minutes=4)
    event = first(hop, "stage", "stage_packages", began=began.isoformat(), waits=waits.to_json())
    done = event.xcoms["return_value"][0]
    assert (done["status"], done["began"]) == ("changed", began.isoformat(timespec="milliseconds"))
    assert done["seconds"] == pytest.approx((datetime.fromisoformat(done["ended"]) - began).total_seconds(), abs=0.1)
    waited = dict(done["waited"])
    assert set(waited) <= {"turn", "command"}  # the simulated host is quick
    assert 30 <= waited["turn"] < 60


def test_a_result_that_is_not_as_promised_fails_the_task(walker):
    """Everything at once; a dry run has promised nothing."""
    hop = asyncio.run(walker.plan()).to_json()
    verify = VerifyOperator(task_id="verify", cluster="still", hop=hop)
    with pytest.raises(
        NotAsPromised,
        match=r"still: kubeadm-config says 1.28.15, not 1.29.15 \(and 3 more\)\n(?s:.*)still-w1 runs kubelet",
    ):
        asyncio.run(verify.aexecute(context()))
    assert asyncio.run(verify.aexecute(context(dry_run=True))) == []


A_LATER_NIGHT = """windows:
  once: [{start: "%s", duration: 4h}]
  when_over: stop
"""
LEFT = "to be continued: its maintenance window: it opens on Sat 5 Dec 22:00 (UTC)"


@pytest.fixture
def left(walker):
    """In the middle of a hop: the window has closed before a worker was begun with."""
    hop = asyncio.run(walker.plan())
    path = Path(os.environ["KUBEADM_UPGRADE_INVENTORY"], "still.yaml")
    opens = datetime.now(UTC) + timedelta(days=30)
    path.write_text(path.read_text() + A_LATER_NIGHT % opens.isoformat(timespec="seconds"))
    return hop


def test_a_node_that_is_left_for_another_window_ends_as_skipped(left):
    """In a trigger, which tells what it would have returned."""
    event = first(left, "workers", "admit")
    assert isinstance(event, TaskSkippedEvent)
    *_, told = event.xcoms["return_value"]
    assert (told["status"], told["group"]) == ("left", "workers")
    assert told["details"][0].startswith("to be continued: its maintenance window: it opens on ")


def test_in_a_worker_too(left):
    admit = StepOperator(
        task_id="drain_node", cluster="still", group="workers", steps=["admit"], node="still-w1", hop=left.to_json()
    )
    there = context()
    with pytest.raises(AirflowSkipException, match="to be continued: "):
        asyncio.run(admit.aexecute(there))
    assert there["ti"].pushed["return_value"][-1]["status"] == "left"


def test_a_result_of_which_something_is_left_is_skipped(walker):
    """Nobody calls it done, and nobody is called (I11)."""
    hop = asyncio.run(walker.plan())
    verify = VerifyOperator(task_id="verify", cluster="still", hop=hop.to_json())
    gate = {"step": "admit", "group": "control_plane", "node": "still-cp1", "status": "left", "details": [LEFT]}
    words = r"To be continued: still-cp1, still-w1 are left \(it opens on Sat 5 Dec 22:00 \(UTC\)\)"
    with pytest.raises(AirflowSkipException, match=words):
        asyncio.run(verify.aexecute(context(gate)))


def test_patience_does_not_end_while_a_window_is_waited_for(walker):
    """It is somebody else's time; what was waited for before it is not."""
    now = datetime.now(UTC)
    trigger = trigger_of(
        asyncio.run(walker.plan()), "workers", "drain_node", began=(now - timedelta(minutes=15)).isoformat()
    )
    trigger._patience = timedelta(minutes=10)
    silent = Unreachable("it does not answer")
    trigger._check_patience(silent, Waits(Wait.WINDOW, "x", now - timedelta(minutes=6)))
    with pytest.raises(StepTimedOut):
        trigger._check_patience(silent, Waits(Wait.WINDOW, "x", now - timedelta(minutes=4)))


def test_a_backup_of_another_run_is_not_this_runs(walker):
    """Invariant I4: an older one, however whole, says nothing of this hop."""

    async def back_up(run):
        hop = await walker.plan(run)
        told = [await walker.step(hop, "control_plane", "still-cp1", step, run) for step in ("admit", "back_up")]
        await walker.release(run)
        return told[-1]["details"][0].partition(":")[0]

    directory = "/var/backups/kubeadm-fleet/v1.28.15-to-v1.29.15"
    assert asyncio.run(back_up("run-1")) == f"{directory}.1/etcd.db"
    assert asyncio.run(back_up("run-2")) == f"{directory}.2/etcd.db"


def next_hop(*hops, joined=(), later=()):
    hop, path = {"to": hops[0], "later": list(later)}, {"hops": [{"to": to} for to in hops]}
    return NextHopOperator(task_id="next_hop", cluster="still", hop=hop, path=path, joined=list(joined))


@pytest.mark.parametrize(
    ("operator", "params"),
    [
        pytest.param(next_hop("1.29.15", "1.30.9"), {"dry_run": True}, id="a dry run moved nothing"),
        pytest.param(next_hop("1.29.15"), {}, id="the last hop"),
        pytest.param(next_hop("1.29.15", joined=["w9"]), {"nodes": ["w1"]}, id="only some workers were asked for"),
    ],
)
def test_a_run_with_nothing_left_starts_no_other(operator, params):
    """Not the same hop again, and so on for ever."""
    assert asyncio.run(operator.aexecute(context(**params))) is None
    assert operator.next_run is None


@pytest.fixture
def held(walker, monkeypatch):
    """The cluster, which this run holds."""
    monkeypatch.setattr(NextHopOperator, "dag_id", "kubeadm_upgrade.still", raising=False)
    assert asyncio.run(claim(walker.cluster, run_of(context()), "", ())) is None
    return walker.cluster


@pytest.mark.parametrize(
    ("operator", "note"),
    [
        pytest.param(next_hop("1.29.15", "1.30.9"), "the next hop goes to 1.30.9, after run-1", id="a hop"),
        pytest.param(
            next_hop("1.29.15", "1.30.9", "1.31.9"),
            "the next hop goes to 1.30.9, on the way to 1.31.9, after run-1",
            id="two hops",
        ),
        pytest.param(next_hop("1.29.15", joined=["w9"]), "w9 joined meanwhile, after run-1", id="a node that joined"),
        pytest.param(
            next_hop("1.29.15", "1.30.9", later=["w3", "w4"]),
            "2 more workers to 1.29.15, after run-1",
            id="more workers than one run takes, before the next hop",
        ),
    ],
)
def test_what_is_left_goes_on_in_a_run_with_the_next_number(held, operator, note):
    """`X`, `X~2`: never itself; and what the first run was told to take over is not handed on."""
    run = context() | {"ti": NO_SUCCESSOR}
    run["dag_run"].conf = {"take_over": "run-0", "give_up": ["w2"]}
    with pytest.raises(DagRunTriggerException) as caught:
        asyncio.run(operator.aexecute(run))
    assert (caught.value.dag_run_id, caught.value.conf) == ("run-1~2", {"give_up": ["w2"]})
    assert caught.value.note == note


@pytest.mark.parametrize("end", ["aborted", "lost"])
def test_a_run_that_was_aborted_or_has_lost_its_cluster_ends_its_path(held, end):
    """Its last nodes were finished; nothing of what it was told goes on in another run of its name."""
    if end == "aborted":
        asyncio.run(abort(held))
        words = r"the path ends here: this run was aborted \(too late\)"
    else:
        assert asyncio.run(claim(held, RunId("run-2"), "run-1", ())) is None
        words = "the path ends here: run run-1 .*does not hold this cluster any more"
    with pytest.raises(StepRefused, match=words):
        asyncio.run(next_hop("1.29.15", "1.30.9").aexecute(context() | {"ti": NO_SUCCESSOR}))


async def abort(cluster):
    async with ClusterApi.open(cluster.kubernetes_conn_id) as api:
        ledger, there = await api.ledger()
        await api.write_ledger(replace(ledger, aborted="too late"), there)
