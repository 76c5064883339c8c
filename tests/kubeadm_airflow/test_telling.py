"""Telling costs one request and fails nothing: from workers, and from triggers by way of their task."""

from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowSkipException, ErrorType, TaskDeferred
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import ErrorResponse, OKResponse
from airflow.triggers.base import TaskSuccessEvent

from harness.receiver import open_receiver
from kubeadm_airflow import late, news, notifiers
from kubeadm_airflow.endings import EndedForAPerson, TaskEnded
from kubeadm_airflow.news import TELL, TRIGGER, Quota
from kubeadm_airflow.notifiers import ReportSoFar, RunFailed
from kubeadm_airflow.operators.step import StepOperator
from kubeadm_airflow.operators.tell import TellOperator
from kubeadm_airflow.run_report import failure_of
from kubeadm_airflow.run_triggers import ClaimTrigger
from kubeadm_airflow.so_far import is_first_act
from kubeadm_airflow.telling import tell
from kubeadm_airflow.triggers import StepTrigger
from kubeadm_upgrade import errors
from kubeadm_upgrade.assignment import Assignment, RunId
from kubeadm_upgrade.procedure import GROUPS
from kubeadm_upgrade.steps import Progress
from kubeadm_upgrade.telling.events import Event, Kind
from kubeadm_upgrade.telling.notice import Notice
from kubeadm_upgrade.waits import Wait, Waits
from lab import ClusterSpec

UNREACHABLE = TaskEnded(errors.Unreachable("no answer"))
EVENT = Event(Kind.FAILED, "still", "it has failed")
SMALLEST = {"name": "still", "kubernetes_conn_id": "k", "ssh_conn_id": "s", "target_version": "1.29"}
LONG_AGO = "2026-11-23T00:00:00+00:00"


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Writes the cluster's file."""
    monkeypatch.setenv("KUBEADM_UPGRADE_INVENTORY", str(tmp_path))
    return lambda **settings: (tmp_path / "still.yaml").write_text(yaml.safe_dump(SMALLEST | settings))


class Supervisor:
    """As much of it as starts runs: one of an id is there once."""

    def __init__(self):
        self.messages, self.error = [], None

    def send(self, message):
        if self.error:
            raise self.error
        there = any(message.run_id == other.run_id for other in self.messages)
        self.messages.append(message)
        return ErrorResponse(error=ErrorType.DAGRUN_ALREADY_EXISTS) if there else OKResponse(ok=True)


@pytest.fixture
def supervisor(monkeypatch):
    supervisor = Supervisor()
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", supervisor, raising=False)
    return supervisor


def context(**given):
    run = SimpleNamespace(run_after=datetime.fromisoformat(LONG_AGO), conf={})
    known = {"params": {"dry_run": False}, "dag": DAG("kubeadm_upgrade.still", schedule=None), "run_id": "night"}
    return known | {"dag_run": run} | given


def test_a_run_of_the_dag_that_tells_is_triggered(file, supervisor):
    file(notify=["log"])
    tell(context(), EVENT)
    (message,) = supervisor.messages
    assert message.dag_id == "kubeadm_tell.still"
    assert message.run_id.startswith("failed.night.")
    assert message.note == "still: it has failed."
    assert Notice.from_json(message.conf).event.text == "it has failed"


def test_twice_is_once(file, supervisor, capsys, caplog):
    file(notify=["log"])
    caplog.set_level("INFO")
    for _ in range(2):
        tell(context(), EVENT)
    assert len({message.run_id for message in supervisor.messages}) == 1
    assert "people were told before" in caplog.text


@pytest.mark.parametrize(
    ("notify", "given"),
    [
        pytest.param([], {}, id="no-channels"),
        pytest.param([{"log": {}, "events": ["late"]}], {}, id="wants-it-nobody"),
        pytest.param(["log"], {"params": {"dry_run": True}}, id="dry-run"),
    ],
)
def test_nobody_is_told(file, supervisor, notify, given):
    file(notify=notify)
    tell(context(**given), EVENT)
    assert supervisor.messages == []


@pytest.mark.parametrize("broken", ["file", "supervisor", "context"])
def test_telling_never_fails(file, supervisor, caplog, broken):
    """The log says it, and no secret: what Airflow says of a request may hold one."""
    file(notify="x" if broken == "file" else ["log"])
    if broken == "supervisor":
        supervisor.error = RuntimeError("T0KEN")
    tell({} if broken == "context" else context(), EVENT)
    assert "nobody is told that it has failed" in caplog.text
    assert "T0KEN" not in caplog.text


# the task that tells


def telling(event=EVENT, channel="log"):
    operator = TellOperator(task_id="tell", cluster="still", channel=channel)
    notice = Notice.of(event, dag_id="d", run_id="r", began="", now=datetime.now(UTC))
    return operator.execute(context(dag_run=SimpleNamespace(conf=notice.to_json())))


def test_a_task_tells_its_channel(file, capsys):
    file(notify=["log"])
    telling()
    assert "still: it has failed." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("notify", "said"),
    [
        pytest.param([], "its file has no channel log any more", id="gone"),
        pytest.param([{"log": {}, "events": ["late"]}], "log is not told of failed", id="not-wanted"),
    ],
)
def test_a_channel_that_is_not_to_be_told_is_skipped(file, notify, said):
    file(notify=notify)
    with pytest.raises(AirflowSkipException, match=said):
        telling()


def test_what_is_no_event_is_told_to_nobody(file):
    file(notify=["log"])
    operator = TellOperator(task_id="tell", cluster="still", channel="log")
    with pytest.raises(EndedForAPerson, match="its conf is no event"):
        operator.execute(context(dag_run=SimpleNamespace(conf={"event": {"kind": "x"}})))


@pytest.mark.parametrize(("status", "error"), [(500, TaskEnded), (404, EndedForAPerson)])
def test_a_receiver_fails_the_task_that_tells_it(file, monkeypatch, status, error):
    """By family, so that only what time can cure is tried again."""
    with open_receiver() as receiver:
        receiver.statuses = [status]
        monkeypatch.setenv("AIRFLOW_CONN_HOOK", f'{{"conn_type": "http", "host": "{receiver.url}"}}')
        file(notify=[{"webhook": {"conn_id": "hook"}}])
        with pytest.raises(error) as ended:
            telling(channel="webhook hook")
    assert type(ended.value) is error


# what a run emits


class Task:
    task_id, map_index, max_tries, state, try_number = "workers.drain_node", 3, 2, "failed", 3

    def __init__(self, **given):
        vars(self).update(given)

    def xcom_push(self, *_, **__):
        pass


def failed_with(error, **given):
    return context(ti=Task(**given), exception=TaskEnded(error), task=SimpleNamespace(node="w4"))


def kinds(supervisor):
    return [Notice.from_json(message.conf).event.kind for message in supervisor.messages]


def test_a_task_of_a_node_that_has_failed_is_told(file, supervisor):
    """Each time that it fails for good; its run may go on for hours."""
    file(notify=["log"])
    error = errors.StepTimedOut("w4: patience has ended", do="see its Pods")
    for max_tries in (2, 2, 5):
        ReportSoFar(cluster="still")(failed_with(error, max_tries=max_tries))
    events = [Notice.from_json(message.conf).event for message in supervisor.messages]
    assert events[0].text.startswith("w4: drain_node has failed: w4: patience has ended. ")
    assert events[0].do.startswith("see its Pods")
    assert len({message.run_id for message in supervisor.messages}) == 2


def written_with(monkeypatch, **report):
    """The report that each of them has just written."""

    async def write(*_):
        return {"unfinished": []} | report, None, None

    monkeypatch.setattr(notifiers, "write_report", write)


@pytest.mark.parametrize("known", [True, False], ids=["report", "no-report"])
def test_of_five_hundred_that_wait_when_their_run_is_aborted_nobody_is_told(file, supervisor, monkeypatch, known):
    """Somebody has decided it, and the run's own end tells it once. Of the report they are known as such."""
    file(notify=["log"])
    if known:
        written_with(monkeypatch)
    for number in range(500):
        error = errors.NotToAct(f"w{number}: admit: this run was aborted (x): start a new run for what is left")
        ReportSoFar(cluster="still")(failed_with(error, task_id="workers.admit", map_index=number))
    assert supervisor.messages == []
    assert failure_of("workers.admit", 1, TaskEnded(error))["ruled_out"] is True
    assert "ruled_out" not in failure_of("workers.admit", 1, UNREACHABLE)


@pytest.mark.parametrize("known", [True, False], ids=["report", "no-report"])
def test_of_five_hundred_that_fail_the_same_way_one_is_told(file, supervisor, monkeypatch, known):
    """A file with a mistake, say. Airflow has one run of an id, whoever triggers it."""
    file(notify=["log"])
    if known:
        written_with(monkeypatch, slots=["w4"])
    for number in range(500):
        error = errors.Forbidden(f"w{number}: no right to see Pods")
        task = SimpleNamespace(node=f"w{number}")
        ReportSoFar(cluster="still")(failed_with(error, map_index=number) | {"task": task})
    assert len({message.run_id for message in supervisor.messages}) == 1


def test_what_ends_the_run_at_once_is_told_with_its_end(file, supervisor, tmp_path, monkeypatch):
    file(notify=["log"])
    monkeypatch.setenv("KUBEADM_UPGRADE_REPORTS", str(tmp_path / "reports"))
    error = errors.PreflightFailed("nothing was touched", do="mend it")
    ReportSoFar(cluster="still")(failed_with(error, map_index=-1))
    assert kinds(supervisor) == []
    RunFailed(cluster="still")(failed_with(error, map_index=-1))
    assert kinds(supervisor) == ["failed"]


def step_of(hop, group, step, node):
    return Assignment("still", RunId("run-1"), hop, group, step, node)


@pytest.fixture
def walker(walk):
    return walk(ClusterSpec("still", control_plane=1, workers=2, version="1.28.15"), notify=["log"])


def test_a_run_starts_once(walker):
    """With the first thing that is done to its first node after that was admitted."""
    hop = asyncio.run(walker.plan())
    first = [
        (group, step.name, node)
        for group, steps in GROUPS.items()
        for step in steps
        for node in hop.nodes_of(group)
        if is_first_act(step_of(hop, group, step.name, node))
    ]
    assert first == [("control_plane", GROUPS["control_plane"][1].name, "still-cp1")]


# what is blocked


@pytest.fixture
def blocked_at_once(walker, monkeypatch):
    """The file says so, and no other test has told anything yet."""
    path = Path(os.environ["KUBEADM_UPGRADE_INVENTORY"], "still.yaml")
    path.write_text(path.read_text() + "\n")
    plain = yaml.safe_load(path.read_text()) | {"notify": {"channels": ["log"], "blocked_after": "1m"}}
    path.write_text(yaml.safe_dump(plain))
    monkeypatch.setattr(news, "_quota", Quota())
    return walker


def waiting_since(kind, minutes):
    return Waits(kind, "x", datetime.now(UTC) - timedelta(minutes=minutes)).to_json()


def trigger_of(hop, step="node_ready", node="still-w1", **given):
    work = step_of(hop, "workers", step, node)
    began = datetime.now(UTC).isoformat()
    return StepTrigger(**{"work": work.to_json(), "progress": Progress().to_json(), "began": began} | given)


async def first_event(trigger, patience=20.0):
    return await asyncio.wait_for(anext(aiter(trigger.run())), patience)


def test_a_step_that_is_blocked_wakes_its_task_up(blocked_at_once):
    """Nothing upgrades this kubelet: it has waited for its node for two minutes, and one is enough."""
    hop = asyncio.run(blocked_at_once.plan())
    began = (datetime.now(UTC) - timedelta(minutes=2)).isoformat()
    waits = waiting_since(Wait.NODE, 2)
    event = asyncio.run(first_event(trigger_of(hop, began=began, waits=waits))).payload
    told = Event.from_json(event[TELL])
    assert (told.kind, told.node) == (Kind.BLOCKED, "still-w1")
    assert (
        "still-w1: node_ready has waited for the node to be Ready for 2 minutes: still-w1 is Ready, with" in told.text
    )
    follower = event[TRIGGER]
    assert follower["began"] == began
    assert follower["waits"]["since"] == waits["since"]
    assert follower["told"] == f"node {waits['since']}"


def test_the_trigger_after_it_waits_on_and_tells_nothing_twice(blocked_at_once):
    """And with the patience of the first: it ends when that would have."""
    hop = asyncio.run(blocked_at_once.plan())
    event = asyncio.run(first_event(trigger_of(hop, waits=waiting_since(Wait.NODE, 2)))).payload
    follower = StepTrigger(**event[TRIGGER])
    with pytest.raises(TimeoutError):
        asyncio.run(first_event(follower, 3))
    again = StepTrigger(**follower.serialize()[1] | {"began": LONG_AGO})
    assert asyncio.run(first_event(again)).payload["error"] == "StepTimedOut"


def test_its_task_tells_and_leaves_the_waiting_to_another_trigger(blocked_at_once, supervisor):
    """As often as it is resumed: it may have died right after it had told."""
    hop = asyncio.run(blocked_at_once.plan())
    event = asyncio.run(first_event(trigger_of(hop, waits=waiting_since(Wait.NODE, 2)))).payload
    operator = StepOperator(
        task_id="node_ready", cluster="still", group="workers", steps=["node_ready"], node="still-w1", hop=hop.to_json()
    )
    for _ in range(2):
        with pytest.raises(TaskDeferred) as deferred:
            operator.resume_execution("resume", {"event": event}, context())
        assert deferred.value.trigger.serialize() == StepTrigger(**event[TRIGGER]).serialize()
        assert deferred.value.method_name == "resume"
    assert len({message.run_id for message in supervisor.messages}) == 1
    assert kinds(supervisor) == ["blocked"] * 2


@pytest.mark.parametrize(
    ("notify", "minutes"),
    [
        pytest.param({"channels": ["log"], "blocked_after": "5m"}, 2, id="not-yet"),
        pytest.param({"channels": [{"log": {}, "events": ["failed"]}], "blocked_after": "1m"}, 2, id="nobody-wants-it"),
        pytest.param([], 999, id="no-channels"),
    ],
)
def test_who_need_not_tell_stays_where_it_is(blocked_at_once, notify, minutes):
    path = Path(os.environ["KUBEADM_UPGRADE_INVENTORY"], "still.yaml")
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | {"notify": notify}))
    hop = asyncio.run(blocked_at_once.plan())
    with pytest.raises(TimeoutError):
        asyncio.run(first_event(trigger_of(hop, waits=waiting_since(Wait.NODE, minutes)), 3))


def test_of_five_hundred_that_wait_to_be_admitted_one_tells(blocked_at_once):
    """The API is away: all of them wait for it, and all of them know."""
    hop = asyncio.run(blocked_at_once.plan())
    news_of = [news.News("") for _ in range(500)]
    told = []
    for number, one in enumerate(news_of):
        one.notify = news.Notify(channels=(news_channel(),), blocked_after=timedelta(minutes=1))
        waits = Waits(Wait.ANSWER, "no answer", datetime.now(UTC) - timedelta(minutes=2))
        told.append(one.of_step(step_of(hop, "workers", "admit", f"w{number}"), waits))
    assert sum(event is not None for event in told) == 1


def news_channel():
    from kubeadm_upgrade.telling.channels import Channel, Way

    return Channel(Way.LOG)


def test_of_many_nodes_at_work_five_tell_the_same(blocked_at_once):
    hop = asyncio.run(blocked_at_once.plan())
    told = []
    for number in range(40):
        one = news.News("")
        one.notify = news.Notify(channels=(news_channel(),), blocked_after=timedelta(minutes=1))
        waits = Waits(Wait.ANSWER, "no answer", datetime.now(UTC) - timedelta(minutes=2))
        told.append(one.of_step(step_of(hop, "stage", "stage_packages", f"w{number}"), waits))
    assert sum(event is not None for event in told) == 5


@pytest.mark.parametrize(
    ("node", "told"),
    [
        pytest.param("still-w2", ["window_closed"], id="others-went-before"),
        pytest.param("still-cp1", [], id="nothing-has-begun"),
    ],
)
def test_a_window_that_closes_on_a_run_is_told_at_once_and_once(walker, monkeypatch, node, told):
    """By whoever is next, and not again while it is closed. A run that waits for its first window is no news."""
    monkeypatch.setattr(news, "_quota", Quota())
    hop = asyncio.run(walker.plan())
    work = step_of(hop, "control_plane" if node.endswith("cp1") else "workers", "admit", node)
    waits = Waits("window", "the window opens on Sat 5 Dec 22:00", datetime.now(UTC))
    one, events = news.News(""), []
    one.notify = news.Notify(channels=(news_channel(),))
    for _ in range(3):
        events += [event for event in [one.of_step(work, waits)] if event]
    assert [event.kind for event in events] == told


def test_a_quota_is_there_again_after_an_hour(monkeypatch):
    quota, now = Quota(), [0.0]
    monkeypatch.setattr(news.time, "monotonic", lambda: now[0])
    assert [quota.take("a", 1), quota.take("a", 1), quota.take("b", 1)] == [True, False, True]
    now[0] = 3600.0
    assert quota.take("a", 1)


def test_a_run_that_cannot_begin_is_told_too(blocked_at_once):
    """The trigger after it takes the cluster once it answers."""
    trigger = ClaimTrigger(
        cluster="still", run=RunId("r").to_json(), take_over="", give_up=[], waits=waiting_since(Wait.ANSWER, 2)
    )
    with blocked_at_once.lab.faults.api_down():
        event = asyncio.run(first_event(trigger)).payload
    assert Event.from_json(event[TELL]).text.startswith(
        "the run has waited for an answer for 2 minutes: the Kubernetes"
    )
    assert isinstance(asyncio.run(first_event(ClaimTrigger(**event[TRIGGER]))), TaskSuccessEvent)


# what is late


def test_a_late_run_is_told_past_the_dag(file, monkeypatch, caplog):
    """By the callback of Airflow's deadline: one channel that fails does not keep it from the others."""
    caplog.set_level("INFO")
    monkeypatch.setattr(late, "PAUSES", (0.0, 0.0))
    with open_receiver() as down, open_receiver() as up:
        down.statuses = [500]
        for name, receiver in (("DOWN", down), ("UP", up)):
            monkeypatch.setenv(f"AIRFLOW_CONN_{name}", f'{{"conn_type": "http", "host": "{receiver.url}"}}')
        file(notify={"channels": [{"webhook": {"conn_id": name}} for name in ("down", "up")], "late_after": "6h"})
        run = {"dag_id": "kubeadm_upgrade.still", "dag_run_id": "night", "run_after": LONG_AGO, "conf": {}}
        told = lambda **conf: asyncio.run(late.tell_late("still", "6h", {"dag_run": run | {"conf": conf}}))  # noqa: E731
        told()
        assert up.kinds() == ["late"]
        assert len(down.arrived) == 2
        told(dry_run=True)
        assert len(up.arrived) == 1
    assert "webhook down is not told yet" in caplog.text
