"""Before the first node goes out of service: the window, another look, and the question put once more."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from harness.desk import Run, rewrite
from kubeadm_airflow.endings import EndedForAPerson, TaskEnded
from kubeadm_airflow.hooks.cluster_claim import claim
from kubeadm_airflow.run_triggers import WindowTrigger
from kubeadm_upgrade.assignment import RunId
from kubeadm_upgrade.errors import TimeCures
from lab import ClusterSpec

ASKS = {"when": "always", "approvers": ["ann"]}
LONG_AGO = "2026-11-20T00:00:00+00:00"


@pytest.fixture
def walker(walk):
    return walk(ClusterSpec("asked", control_plane=1, workers=2, version="1.28.15"), approval=ASKS)


@pytest.fixture
def run(walker, monkeypatch):
    """Planned, checked and approved."""
    run = Run(walker, monkeypatch).plan().preflight()
    run.approve()
    run.desk.answer("Approve", reason="go")
    run.resume()
    return run


@pytest.fixture
def later(run):
    """Days after it was planned."""
    run.desk.xcoms["plan", "seen"] |= {"looked_at": LONG_AGO}
    return run


def opens(after, lasting="4h", **settings):
    start = (datetime.now(UTC) + after).strftime("%Y-%m-%dT%H:%M:%SZ")
    rewrite(windows={"once": [{"start": start, "duration": lasting}]} | settings)


def shut():
    opens(timedelta(hours=5))


def test_it_passes_at_once_where_nothing_has_lasted_long(run):
    assert run.window() is None
    assert (run.desk.parked, run.desk.deferred) == (None, None)


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        pytest.param({"max_unavailable": "100%"}, "max\\_unavailable 1 → 100%", id="all at once"),
        pytest.param({"drain": {"force": True}}, "drain allows more: force", id="force"),
    ],
)
def test_a_file_that_allows_more_is_asked_about_however_fresh_the_plan_is(run, edit, told):
    rewrite(**edit)
    assert run.window() is None
    assert run.desk.parked is not None
    assert told in run.desk.body


def test_an_approve_that_somebody_has_marked_as_done_is_no_approval(walker, monkeypatch):
    """Nobody has answered: it is asked here."""
    run = Run(walker, monkeypatch).plan().preflight()
    assert run.window() is None
    assert run.desk.parked is not None
    assert run.ledger.approved is None


def test_it_waits_for_a_window_and_says_so(later):
    shut()
    assert later.window() is None
    assert later.desk.deferred.method_name == "opened"
    waiting = later.desk.xcoms["window", "waiting"]
    assert (waiting["kind"], waiting["reason"].partition(" opens on ")[0]) == ("window", "its maintenance window: it")
    path, kwargs = later.desk.deferred.trigger.serialize()
    assert path == "kubeadm_airflow.run_triggers.WindowTrigger"
    again = WindowTrigger(**kwargs)

    async def until_somebody_opens_it():
        going = asyncio.ensure_future(anext(aiter(again.run())))
        await asyncio.sleep(1)
        assert not going.done()
        opens(timedelta(hours=-1))
        return (await asyncio.wait_for(going, 60)).payload

    assert asyncio.run(until_somebody_opens_it()) == {"opened": True}
    told = later.desk.act(lambda: later.operator.opened(later.desk.context("window"), {"opened": True}))
    assert (told["by"], told["why"]) == ("ann", "go")


def test_a_run_that_is_to_stop_with_its_window_waits_for_it(run):
    """Else no run that begins before its window would ever do anything."""
    opens(timedelta(hours=5), when_over="stop")
    assert run.window() is None
    assert run.desk.deferred.method_name == "opened"
    opens(timedelta(hours=-1), when_over="stop")
    assert asyncio.run(anext(aiter(run.desk.deferred.trigger.run()))).payload == {"opened": True}


@pytest.mark.parametrize(
    ("params", "windows"),
    [
        pytest.param({"dry_run": True}, True, id="a dry run"),
        pytest.param({}, False, id="a window that is open"),
    ],
)
def test_who_waits_for_none(run, params, windows):
    run.desk.params |= params
    shut() if windows else opens(timedelta(hours=-1))
    assert run.window() is None
    assert run.desk.deferred is None


def test_whoever_is_not_to_go_on_does_not_wait_for_a_window(run, walker):
    shut()
    run.window()
    trigger = run.desk.deferred.trigger
    assert asyncio.run(claim(walker.cluster, RunId("run-2"), "run-1", ())) is None
    payload = asyncio.run(anext(aiter(trigger.run()))).payload
    assert (payload["error"], "does not hold this cluster" in payload["message"]) == ("NotToAct", True)


def test_where_all_is_as_it_was_nobody_is_asked_again(later):
    judged = later.ledger.holder.judged
    assert later.window()["by"] == "ann"
    assert later.ledger.holder.judged >= judged
    assert later.desk.row is None


def test_what_has_changed_is_asked_again_with_the_difference(later, walker):
    """And the new word stands in the ledger; the run goes on with its own nodes."""
    walker.lab.join_node("asked-w9", "1.28.15")
    rewrite(max_unavailable=2)
    assert later.window() is None
    assert later.desk.body.startswith("## What has changed since\n\nIt was approved by ann on ")
    assert "- worker asked-w9 is new\n- max\\_unavailable 1 → 2\n" in later.desk.body
    assert "## When\n\nAbout " in later.desk.body
    later.desk.answer("Approve", reason="w9 too")
    assert later.resume()["why"] == "w9 too"
    assert later.ledger.approved.terms.hops[0].workers == ("asked-w1", "asked-w2", "asked-w9")


def test_the_target_is_the_plans_whatever_the_file_says_by_now(later, walker):
    """Airflow fills in the file's where a run says none: a later run's. Here it ends nothing, and is not shown."""
    later.desk.params |= {"target_version": "1.30"}
    assert later.window()["by"] == "ann"
    walker.lab.join_node("asked-w9", "1.28.15")
    assert later.window() is None
    assert "1.30" not in later.desk.row.request.subject + later.desk.body


def test_a_refusal_ends_it_here_too(later, walker):
    walker.lab.join_node("asked-w9", "1.28.15")
    later.window()
    later.desk.answer("Refuse", reason="not w9")
    with pytest.raises(EndedForAPerson, match="refused by ann: not w9; no node was touched"):
        later.resume()


@pytest.mark.parametrize(
    "params",
    [
        pytest.param({"give_up": ["asked-w2"]}, id="given up"),
        pytest.param({"give_up": ["asked-w1"], "nodes": ["asked-w1", "asked-w2"]}, id="the last that would move"),
        pytest.param({"nodes": ["asked-w1", "asked-w2"]}, id="one of two"),
        pytest.param({"nodes": ["asked-w2"]}, id="the only one"),
    ],
)
def test_a_worker_that_was_named_and_has_left_is_no_mistake(walker, monkeypatch, params):
    """And nobody moves in its place."""
    later = Run(walker, monkeypatch)
    later.desk.params |= params
    later.plan().preflight()
    later.approve()
    later.desk.answer("Approve", reason="go")
    later.resume()
    later.desk.xcoms["plan", "seen"] |= {"looked_at": LONG_AGO}
    walker.lab.delete_node("asked-w2")
    assert later.window()["by"] == "ann"
    assert later.desk.row is None


@pytest.mark.parametrize("approval", [ASKS, "never"], ids=["asked", "never asked"])
def test_what_this_run_cannot_do_any_more_ends_it(later, walker, approval):
    """A control plane node more: the run's plan knows nothing of it."""
    rewrite(approval=approval)
    walker.lab.join_node("asked-cp2", "1.28.15", control_plane=True)
    with pytest.raises(EndedForAPerson, match="cannot do any more what it has planned: control plane node asked-cp2"):
        later.window()


def test_where_nobody_is_asked_whoever_joins_is_a_later_runs(later, walker):
    rewrite(approval="never")
    walker.lab.join_node("asked-w9", "1.28.15")
    assert later.window() is None
    assert later.desk.row is None


def test_preflight_is_judged_again(later, walker):
    rewrite(approval="never")
    with walker.lab.faults.sudo_refuses("asked-w2"), pytest.raises(TaskEnded, match="no node was touched: "):
        later.window()


@pytest.mark.parametrize("approval", [ASKS, "never"], ids=["asked", "never asked"])
@pytest.mark.parametrize(
    "ails",
    [
        pytest.param(lambda lab: lab.faults.never_ready("asked-w2"), id="a node that is not Ready"),
        pytest.param(lambda lab: lab.faults.api_down(), id="an API that is silent"),
    ],
)
def test_what_comes_back_by_itself_costs_no_night(later, walker, ails, approval):
    """Airflow tries again what no person is needed for."""
    rewrite(approval=approval)
    with ails(walker.lab):
        walker.lab.reboot("asked-w2")
        with pytest.raises(TaskEnded) as ended:
            later.window()
    assert isinstance(ended.value.error, TimeCures)
    assert not isinstance(ended.value, EndedForAPerson)
