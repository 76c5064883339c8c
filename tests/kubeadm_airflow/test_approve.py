"""Who is asked, what becomes of an answer, and what of a worker that dies: against the lab's API and hosts.

Airflow's own side is Desk: what its API server does with a question, by the book of 3.3.2 (routes/hitl.py).
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from harness.desk import Run, rewrite
from kubeadm_airflow.endings import EndedForAPerson, TaskEnded
from kubeadm_airflow.hooks.cluster_claim import claim, keep_approval
from kubeadm_airflow.hooks.cluster_ledger import change_ledger
from kubeadm_airflow.hooks.node_connection import NodeConnection
from kubeadm_airflow.identity import run_of
from kubeadm_airflow.operators.approve import ApproveOperator
from kubeadm_upgrade.actions import RepeatPreflight
from kubeadm_upgrade.admission.admit import Admit
from kubeadm_upgrade.approval.approval import Approval
from kubeadm_upgrade.approval.one_hop import difference_of, is_wanted
from kubeadm_upgrade.approval.policy import NOBODY_IS_ASKED
from kubeadm_upgrade.approval.terms import HopTerms, Terms
from kubeadm_upgrade.approval.waivers import in_the_way
from kubeadm_upgrade.assignment import Assignment, RunId
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.version import Version
from lab import ClusterSpec

ASKS = {"when": "always", "approvers": ["ann", "bob"], "deadline": "48h"}
BARE = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "bare", "namespace": "default"},
    "spec": {"nodeName": "asked-w1", "containers": [{"name": "c", "image": "i"}]},
    "status": {"phase": "Running"},
}


@pytest.fixture
def walker(walk):
    return walk(ClusterSpec("asked", control_plane=1, workers=2, version="1.28.15"), approval=ASKS)


@pytest.fixture
def run(walker, monkeypatch):
    """Planned and checked."""
    return Run(walker, monkeypatch).plan().preflight()


def test_somebody_is_asked_and_their_word_is_kept(run):
    """The plan is what they are shown; the ledger has who, when, why and what for."""
    assert run.approve() is None
    asked, parked = run.desk.row.request, run.desk.parked
    assert asked.subject.startswith("asked: upgrade from 1.28.15 to 1.29.15? (plan ")
    assert [user.id for user in asked.assigned_users] == ["ann", "bob"]
    assert (asked.options, asked.defaults) == (["Approve", "Refuse"], ["Refuse"])
    assert "- Drain and upgrade asked-w1, asked-w2" in run.desk.body
    assert timedelta(hours=47) < parked.timeout <= timedelta(hours=48)
    waiting = run.desk.xcoms["approve", "waiting"]
    assert (waiting["kind"], waiting["reason"].partition(", until ")[0]) == ("approval", "ann or bob")
    assert run.ledger.approved is None

    run.desk.answer("Approve", reason=" ticket\n7 ", waive=None)
    told = run.resume()
    approved = run.ledger.approved
    assert (approved.by, approved.why, approved.waived, approved.run) == ("ann", "ticket 7", (), "run-1")
    assert approved.terms.hops[0].packages["deb"]["kubelet"] == "1.29.15-1.1"
    assert (told["by"], told["why"]) == ("ann", "ticket 7")
    assert run.desk.xcoms["approve", "approval"] == told
    assert told["plan"] == approved.terms.hash


def test_what_a_run_has_planned_and_somebody_approved_passes_the_gate(run, walker):
    """With every node of it: the hop and the terms are two pictures of one plan."""
    run.approve()
    run.desk.answer("Approve")
    run.resume()
    hop, terms, policy = Hop.from_json(run.hop), run.ledger.approved.terms, walker.cluster.rollout
    assert is_wanted(hop, policy)
    for node in (*hop.control_plane, *hop.workers):
        assert difference_of(terms, hop, policy, node, begun=False) == ()


def test_a_later_try_and_a_later_run_ask_nobody(run, walker, monkeypatch):
    run.approve()
    run.desk.answer("Approve")
    run.resume()
    assert run.approve()["by"] == "ann"
    later = Run(walker, monkeypatch, "run-1~2", take_over="run-1").plan().preflight()
    assert later.approve()["run"] == "run-1"
    assert later.desk.asked == 0


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        pytest.param({"user": "bob", "reason": "not this week"}, "refused by bob: not this week", id="by a person"),
        pytest.param({"timedout": True}, "nobody (ann or bob) has answered in time, so it counts as", id="by nobody"),
    ],
)
def test_a_refusal_ends_the_run_and_nothing_was_touched(run, walker, answer, sentence):
    before = len(walker.lab.log)
    run.approve()
    run.desk.answer("Refuse", **answer)
    with pytest.raises(EndedForAPerson, match=rf"asked: {sentence}".replace("(", r"\(").replace(")", r"\)")) as ended:
        run.resume()
    assert str(ended.value).endswith("no node was touched")
    assert run.ledger.approved is None
    assert len(walker.lab.log) == before


def test_whoever_clears_it_is_asked_anew(run):
    """Also by the same question; the answer of before counts no more."""
    run.approve()
    run.desk.answer("Refuse")
    with pytest.raises(EndedForAPerson):
        run.resume()
    run.desk.clear()
    assert run.approve() is None
    assert (run.desk.asked, run.desk.row.response) == (2, None)
    run.desk.answer("Approve", "bob")
    assert run.resume()["by"] == "bob"


def test_the_deadline_may_approve(run):
    rewrite(approval={**ASKS, "then": "approve"})
    run.approve()
    assert run.desk.row.request.defaults == ["Approve"]
    run.desk.answer("Approve", timedout=True, reason="", waive=[])
    assert run.resume()["by"] == "the deadline"


# --- whoever dies in between


def test_an_answer_that_comes_before_the_task_is_parked_is_not_lost(run):
    """Its worker dies right after the question was written, and somebody answers before the next try."""
    run.approve()
    run.desk.answer("Approve")
    assert run.approve()["by"] == "ann"
    assert run.desk.asked == 1


def test_a_refusal_holds_for_a_later_try(run):
    """Airflow may take a task for failed that has just been told of it, and try it again."""
    run.approve()
    run.desk.answer("Refuse", reason="no")
    for begin in (run.resume, run.approve):
        with pytest.raises(EndedForAPerson, match="refused by ann: no"):
            begin()
    assert run.desk.asked == 1


def test_a_worker_that_dies_with_an_answer_in_its_hands_loses_nothing(run, monkeypatch):
    """Before it could write it down, and after."""
    run.approve()
    run.desk.answer("Approve")

    async def dies(*_):
        raise MemoryError

    with monkeypatch.context() as deadly:
        deadly.setattr("kubeadm_airflow.hooks.cluster_claim.change_ledger", dies)
        with pytest.raises(MemoryError):
            run.resume()
    assert run.approve()["by"] == "ann"
    assert run.approve()["by"] == "ann"
    assert run.desk.asked == 1


def test_a_try_after_a_crash_asks_nothing_twice_and_keeps_the_deadline(run):
    run.approve()
    first, until = run.desk.parked.timeout, run.desk.kept["question"]["until"]
    assert run.approve() is None
    assert run.desk.asked == 1
    assert run.desk.kept["question"]["until"] == until
    assert run.desk.parked.timeout <= first


# --- what changes in between


def test_what_changes_while_somebody_thinks_is_not_what_they_have_approved(run):
    """Airflow would go on showing the old text in this task: a new run asks."""
    run.approve()
    rewrite(max_unavailable=2)
    run.desk.answer("Approve")
    with pytest.raises(EndedForAPerson, match="goes on showing what this task has asked before"):
        run.resume()
    assert run.ledger.approved.terms.care.max_unavailable == 1


def test_a_later_run_on_another_path_is_asked_with_what_is_otherwise(run, walker, monkeypatch):
    run.approve()
    run.desk.answer("Approve", reason="spring")
    run.resume()
    walker.lab.join_node("asked-w7", "1.28.15")
    rewrite(max_unavailable=3)
    later = Run(walker, monkeypatch, "run-2", take_over="run-1").plan().preflight()
    assert later.approve() is None
    assert later.desk.body.startswith("## What has changed since\n\nIt was approved by ann on ")
    assert "- worker asked-w7 is new\n- max\\_unavailable 1 → 3\n" in later.desk.body


def test_a_run_that_minds_no_window_says_so_and_is_asked_about(run, walker, monkeypatch):
    """An approval for a window is none for noon."""
    run.approve()
    run.desk.answer("Approve")
    run.resume()
    later = Run(walker, monkeypatch, "run-2", take_over="run-1")
    later.desk.params |= {"ignore_window": "incident 7"}
    assert later.plan().preflight().approve() is None
    assert "It does not wait for maintenance windows: incident 7" in later.desk.body
    assert "- it does not wait for maintenance windows\n" in later.desk.body
    later.desk.answer("Approve")
    later.resume()
    assert later.ledger.approved.terms.ignores_windows


# --- waivers


def test_what_blocks_and_may_be_waived_is_for_whoever_approves(walker, monkeypatch):
    """Without the waiver the question is put again, with a sentence; with it the run goes on."""
    walker.lab.apply([BARE])
    run = Run(walker, monkeypatch).plan().preflight()
    assert run.ledger.holder.judged is None
    run.approve()
    assert "- **block** `drain_allowed`: asked-w1: pod default/bare has no controller" in run.desk.body

    for form, sentence in (
        ({}, "approved, but this still blocks, and was not waived: drain_allowed"),
        ({"waive": ["drain"]}, "waive: there is no check drain: what may be waived here is drain_allowed"),
        ({"waive": "api_ready drain_allowed"}, "waive: api_ready may never be waived: what may be waived here is"),
    ):
        run.desk.answer("Approve", **form)
        assert run.resume() is None
        assert run.desk.row.response is None
        assert f"ann or bob, asked again ({sentence}" in run.desk.xcoms["approve", "waiting"]["reason"]
        assert run.ledger.approved is None

    run.desk.answer("Approve", reason="it goes at night", waive=["drain_allowed"])
    run.resume()
    assert run.ledger.approved.waived == ("drain_allowed",)
    run.preflight()
    assert run.ledger.holder.judged is not None
    hop = Hop.from_json(run.hop)
    found = asyncio.run(walker.preflight(hop))
    assert in_the_way(found, run.ledger, walker.cluster.approval, hop.to) == ()
    assert len(in_the_way(found, run.ledger, NOBODY_IS_ASKED, hop.to)) == 1


def test_what_was_waived_does_not_keep_the_rest_from_settling(walker, monkeypatch):
    """What comes back by itself is looked at again, whatever else somebody has let pass."""
    walker.lab.apply([BARE])
    run = Run(walker, monkeypatch).plan().preflight()
    run.approve()
    run.desk.answer("Approve", reason="it goes at night", waive=["drain_allowed"])
    run.resume()
    hop = Hop.from_json(run.hop)
    work = Assignment(walker.name, RunId("run-1"), hop, "workers", "admit", hop.workers[0])

    async def repeat():
        async with NodeConnection.open(walker.cluster, work) as port:
            await port.look(Admit())
            return await port.act(RepeatPreflight())

    with walker.lab.faults.static_pod_not_ready("asked-cp1", "kube-scheduler"):
        said = asyncio.run(repeat())
    assert said == "asked: since preflight last looked: kube-scheduler on asked-cp1 is not Ready: mend it first"


def test_where_nobody_is_asked_it_fails_preflight_as_ever(walker, monkeypatch):
    rewrite(approval="never")
    walker.lab.apply([BARE])
    run = Run(walker, monkeypatch).plan()
    with pytest.raises(TaskEnded, match="nothing was touched: asked-w1: pod default/bare"):
        run.preflight()


def test_what_may_not_be_waived_fails_preflight_as_ever(walker, monkeypatch):
    walker.lab.apply([BARE])
    run = Run(walker, monkeypatch).plan()
    with walker.lab.faults.sudo_refuses("asked-w2"), pytest.raises(TaskEnded, match="nothing was touched"):
        run.preflight()


def test_at_the_deadline_nothing_is_waived(walker, monkeypatch):
    rewrite(approval={**ASKS, "then": "approve"})
    walker.lab.apply([BARE])
    run = Run(walker, monkeypatch).plan().preflight()
    run.approve()
    run.desk.answer("Approve", timedout=True)
    with pytest.raises(EndedForAPerson, match="nobody has approved it in time: approved, but this still blocks"):
        run.resume()


# --- who is not asked


@pytest.mark.parametrize(
    ("settings", "params"),
    [
        pytest.param({"approval": "never"}, {}, id="approval: never"),
        pytest.param({}, {"dry_run": True}, id="a dry run"),
    ],
)
def test_nobody_is_asked_where_nobody_has_to_agree(walker, monkeypatch, settings, params):
    """And no task is shown as waiting."""
    rewrite(**settings)
    run = Run(walker, monkeypatch)
    run.desk.params |= params
    run.plan().preflight()
    assert run.approve() is None
    assert (run.desk.parked, run.desk.asked) == (None, 0)


def test_a_run_that_has_lost_the_cluster_writes_no_approval(run, walker):
    run.approve()
    assert asyncio.run(claim(walker.cluster, RunId("run-2"), "run-1", ())) is None
    run.desk.answer("Approve")
    with pytest.raises(EndedForAPerson, match="does not hold this cluster any more; no node was touched"):
        run.resume()
    assert run.ledger.approved is None


def test_an_approval_of_an_aborted_run_counts_for_nothing(run, walker):
    """Also where somebody aborts it between the look and the writing."""
    run.approve()
    change = partial(replace, aborted="too late tonight")
    asyncio.run(change_ledger(walker.cluster, change))
    run.desk.answer("Approve")
    with pytest.raises(EndedForAPerson, match=r"this run was aborted \(too late tonight\); no node was touched"):
        run.resume()
    approval = Approval("ann", datetime.now(UTC), Terms((HopTerms(Version(1, 28, 15), Version(1, 29, 15), ("cp1",)),)))
    assert asyncio.run(keep_approval(walker.cluster, run_of(run.desk.context("approve")), approval)) is False
    assert run.ledger.approved is None


def test_the_shape_of_the_task_is_the_same_whatever_the_file_says():
    one = ApproveOperator(task_id="approve", cluster="asked", hop=None)
    assert (one.options, sorted(one.params), one.assigned_users) == (["Approve", "Refuse"], ["reason", "waive"], None)
