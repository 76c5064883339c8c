"""The report: where it is, and what it says."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from kubeadm_airflow.run_report import DONE, _is_left, _result, _slots, _unfinished
from kubeadm_upgrade import report
from kubeadm_upgrade.assignment import RunId
from kubeadm_upgrade.ledger.ledger import Ledger, Slot
from kubeadm_upgrade.ledger.permit import PermittedPod
from kubeadm_upgrade.verify import Left

REPORT = {
    "cluster": "prod",
    "run_id": "manual__2026",
    "started": "2026-11-23 06:00:00 UTC",
    "ended": "2026-11-23 06:10:00 UTC",
    "result": "Not finished",
    "hop": {"came_from": "1.28.15", "to": "1.29.15"},
    "dry_run": False,
    "findings": ["warn: Kubernetes 1.28 has had no fixes since 2024-10-28"],
    "unfinished": [{"task": "workers.node_ready", "node": "w2", "state": "failed"}],
    "nodes": [{"name": "w2", "role": "worker", "ready": "NotReady", "kubelet": "1.29.15", "before": "1.28.15"}],
    "outcomes": [
        {"step": "back_up", "node": "cp1", "status": "changed", "actions": ["sudo -n true"], "details": ["7 bytes"]}
    ],
}


def test_the_page_says_what_needs_a_person_first():
    """Result, what is not done, findings, nodes, then every command."""
    page = report.as_markdown(REPORT)
    headings = [line for line in page.splitlines() if line.startswith("#")]
    assert headings == [
        "# prod: 1.28.15 → 1.29.15",
        "## Not done",
        "## Preflight findings",
        "## Nodes",
        "## Steps",
        "### cp1",
    ]
    for words in (
        "**Not finished**",
        "- **w2**\n  - `workers.node_ready` has failed\n",
        "| w2 | worker | NotReady |",
        "  - `sudo -n true`",
    ):
        assert words in page


@pytest.mark.parametrize(
    ("run", "carried"),
    [("manual__2026", ""), ("earlier", ", in run `earlier`")],
    ids=["own", "earlier"],
)
def test_who_has_approved_it_and_what_they_let_pass(run, carried):
    told = {"by": "ann", "at": "2026-11-23T05:00:00+00:00", "why": "ticket 7", "waived": ["swap_off"], "plan": "abc"}
    page = report.as_markdown({**REPORT, "approval": told | {"run": run}})
    said = f"Approved by ann at 2026-11-23T05:00:00+00:00{carried} (`abc`): ticket 7.\n- waived: `swap_off`"
    assert f"## Approval\n\n{said}" in page


def test_what_was_deleted_and_not_evicted_is_told_with_whose_word():
    """On the page, and in what is sent to people; of any step's outcome."""
    told = PermittedPod("u1", "shop/db-0", "ann", datetime(2026, 11, 23, 6, 5, tzinfo=UTC), deleted=None).told
    drain = {"step": "drain_node", "node": "w1", "status": "changed", "actions": [], "details": ["another", told]}
    written = {**REPORT, "outcomes": [*REPORT["outcomes"], drain]}
    section = (
        "## Deleted instead of evicted\n\n"
        "- w1: pod shop/db-0 was deleted and not evicted, approved by ann on 2026-11-23 06:05:00 UTC\n\n"
    )
    assert section in report.as_markdown(written)
    assert section in report.in_short(written)
    assert "Deleted instead of evicted" not in report.as_markdown(REPORT)


def test_what_kubeadm_was_told_to_ignore_stands_at_the_top():
    """It is what somebody has taken upon himself."""
    hop = {**REPORT["hop"], "ignore_preflight_errors": {"SystemVerification": "cgroup v1 until spring"}}
    page = report.as_markdown({**REPORT, "hop": hop})
    told = "kubeadm is told to ignore preflight errors: `SystemVerification` (cgroup v1 until spring)."
    assert page.index(told) < page.index("## Not done")
    assert "told to ignore" not in report.as_markdown(REPORT)


REMEDY = "make room, then clear this task: the run goes on from here"
JOURNAL = "w2: its unit ended with exit status 1\nits journal ends:\n[upgrade]\nno space"
STOPPED = [
    {"task": "verify", "node": None, "state": "upstream_failed"},
    {"task": "workers.admit", "node": "w1", "state": "deferred"},
    {"task": "workers.drain_node", "node": "w1", "state": "None"},
    {"task": "workers.kubeadm_upgrade_node", "node": "w2", "state": "failed", "why": JOURNAL, "do": REMEDY},
    {"task": "workers.drain_node", "node": "w2", "state": "upstream_failed"},
    {"task": "workers.node_ready", "node": "w2", "state": "upstream_failed"},
]
NOT_DONE = """## Not done

- **w2**
  - `workers.kubeadm_upgrade_node` has failed: w2: its unit ended with exit status 1

    **What to do:** make room, then clear this task: the run goes on from here

    ```
    its journal ends:
    [upgrade]
    no space
    ```
  - not reached: `workers.drain_node`, `workers.node_ready`

- **w1**
  - `workers.admit` is waiting
  - not reached: `workers.drain_node`

- **The run**
  - not reached: `verify`
"""


def test_whoever_is_needed_comes_first_with_the_reason():
    """By node: what has failed and why, who waits, what was not reached."""
    page = report.as_markdown({**REPORT, "unfinished": STOPPED})
    assert NOT_DONE in page
    assert "**Not finished**, and still under way when this was written\n" in page
    over = [task for task in STOPPED if task["state"] != "deferred"]
    assert "still under way" not in report.as_markdown({**REPORT, "unfinished": over})


def test_a_run_without_a_plan_has_a_report_too():
    """The first task may be what failed."""
    empty = {"hop": None, "nodes": [], "outcomes": [], "findings": []}
    page = report.as_markdown({**REPORT, **empty, "unseen": "Airflow has no connection prod"})
    assert page.startswith("# prod: not planned\n")
    assert "The cluster could not be looked at when this was written: Airflow has no connection prod\n" in page


@pytest.mark.parametrize("run_id", ["manual__2026-11-23T06:00:00+00:00", "../../etc/passwd", "a/b c", "..", "x" * 50])
def test_no_run_id_leads_out_of_the_directory(run_id, monkeypatch, tmp_path):
    """Run ids come from whoever may trigger a run."""
    monkeypatch.setenv(report.DIRECTORY_VARIABLE, str(tmp_path))
    for path in report.paths("kubeadm_upgrade.prod", run_id):
        assert path.resolve().parent == tmp_path / "kubeadm_upgrade.prod"


def test_two_run_ids_never_share_a_report(monkeypatch, tmp_path):
    """Whatever characters they are told apart by."""
    monkeypatch.setenv(report.DIRECTORY_VARIABLE, str(tmp_path))
    assert len({report.paths("d", run_id) for run_id in ("a:b", "a_b", "a/b", "a b")}) == 4


def test_a_report_appears_as_a_whole(tmp_path):
    """Nothing else is left beside it."""
    path = tmp_path / "new" / "r.md"
    report.write(path, "one")
    report.write(path, "two")
    assert [(found.name, found.read_text()) for found in path.parent.iterdir()] == [("r.md", "two")]


def test_two_that_write_at_once_are_not_in_each_others_way(tmp_path, monkeypatch):
    """In two containers both are process 1."""
    monkeypatch.setattr(os, "getpid", lambda: 1)
    others = tmp_path / ".r.md.1"
    others.write_text("half of another's")
    report.write(tmp_path / "r.md", "one")
    assert (others.read_text(), (tmp_path / "r.md").read_text()) == ("half of another's", "one")


def test_a_report_is_for_whoever_may_read_files_here(tmp_path):
    """The API server may be another user."""
    (tmp_path / "plain").write_text("")
    report.write(tmp_path / "r.md", "one")
    assert (tmp_path / "r.md").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_what_could_not_be_written_leaves_nothing_behind(tmp_path):
    with pytest.raises(UnicodeEncodeError):
        report.write(tmp_path / "r.md", "\ud800")
    assert list(tmp_path.iterdir()) == []


def test_promises_that_are_broken_stand_before_all_else():
    """What the cluster itself shows, whatever the tasks say or somebody has made them say."""
    told = {**REPORT, "broken_promises": ["w3 runs kubelet 1.28.15, not 1.29.15"]}
    page = report.as_markdown(told)
    assert "## Not as promised\n\n- w3 runs kubelet 1.28.15, not 1.29.15\n\n## Not done" in page


def test_who_was_given_up_or_has_joined_is_left_for_a_later_run():
    """Named, with the reason."""
    page = report.as_markdown({**REPORT, "given_up": {"w1": "its disk"}, "joined": ["w9"]})
    assert (
        "## Left for a later run\n\n- w1 was given up: its disk. A later run takes it\n"
        "- w9 joined while the run was under way\n" in page
    )
    assert "Left for a later run" not in report.as_markdown({**REPORT, "given_up": {}, "joined": []})


def test_a_rehearsal_says_that_it_is_one():
    page = report.as_markdown({**REPORT, "dry_run": True, "result": "Rehearsed", "unfinished": []})
    assert "**Rehearsed**, dry run: nothing was changed\n" in page


TASKS = [
    (("claim", -1), None),
    (("workers.drain_node", 0), "w1"),
    (("workers.drain_node", 1), "w2"),
    (("verify", -1), None),
]
WELL = {"claim": "success", "workers.drain_node_0": "success", "workers.drain_node_1": "success", "verify": "success"}
KEPT, BROKEN = (), ("w3 runs kubelet 1.28.15, not 1.29.15",)


@pytest.mark.parametrize(
    ("states", "broken", "dry_run", "result"),
    [
        pytest.param({}, KEPT, False, "Done and verified", id="everything has succeeded"),
        pytest.param({}, KEPT, True, "Rehearsed", id="a rehearsal"),
        pytest.param({"verify": "skipped"}, KEPT, False, "Not finished", id="verify was skipped"),
        pytest.param({"workers.drain_node_1": "skipped"}, KEPT, False, "Not finished", id="a step was skipped"),
        pytest.param({"workers.drain_node_1": "skipped"}, KEPT, True, "Not finished", id="a rehearsed one as well"),
        pytest.param({"workers.drain_node_1": "failed"}, KEPT, False, "Not finished", id="a step has failed"),
        pytest.param({"workers.drain_node_1": "removed"}, KEPT, False, "Not finished", id="a step was removed"),
        pytest.param({"workers.drain_node_1": None}, KEPT, False, "Not finished", id="a step was not reached"),
        pytest.param({"verify": "upstream_failed"}, KEPT, False, "Not finished", id="verify was not reached"),
        pytest.param({}, BROKEN, False, "Not finished", id="all marked success by hand, w3 still old"),
        pytest.param({"verify": "skipped"}, BROKEN, False, "Not finished", id="marked failed, paused, unpaused"),
    ],
)
def test_nothing_that_did_not_keep_its_promise_is_done(states, broken, dry_run, result):
    """I11: whatever a person clicked."""
    unfinished = list(_unfinished(TASKS, {**WELL, **states}, {}))
    assert _result(dry_run, unfinished, broken) == result


def test_of_a_step_that_has_succeeded_no_report_says_that_it_failed():
    """A run marked failed by the API in mid-upgrade; what a task said in an earlier try is over."""
    failures = {("workers.drain_node", 0): "an earlier try's"}
    states = {**WELL, "workers.drain_node_1": "failed"}
    assert DONE == "success"
    assert [(task["node"], task["state"], task["why"]) for task in _unfinished(TASKS, states, failures)] == [
        ("w2", "failed", "it was marked as failed, or its process was killed; what it had begun may have gone on")
    ]


def test_a_failed_task_says_when_and_whether_it_was_ruled_out():
    """Of many that fail, whoever tells people must know who came before."""
    said = {"why": "x", "do": "y", "at": "2026-12-05T12:00:00+00:00", "ruled_out": True}
    states = {**WELL, "workers.drain_node_1": "failed"}
    (task,) = _unfinished(TASKS, states, {("workers.drain_node", 1): {"task": "t", "map_index": 1} | said})
    assert task == {"task": "workers.drain_node", "node": "w2", "state": "failed"} | said


def test_slots_are_those_of_the_run():
    """Of another's a failed node keeps none; where the cluster cannot be seen nobody is said to."""
    slots = {"w2": Slot("workers", RunId("night")), "w1": Slot("workers", RunId("night")), "w3": Slot("x", RunId("o"))}
    assert _slots(SimpleNamespace(ledger=Ledger(slots=slots)), RunId("night")) == ["w1", "w2"]
    assert _slots(None, RunId("night")) == []


SKIPPED = {"workers.drain_node_1": "skipped", "verify": "skipped"}
LEFT = Left(kubelets=frozenset({"w2"}), why="to be continued: x")


@pytest.mark.parametrize(
    ("states", "broken", "result"),
    [
        pytest.param(SKIPPED, KEPT, "To be continued", id="left"),
        pytest.param(
            {"workers.drain_node_1": "skipped", "verify": "skipped"}, BROKEN, "Not finished", id="and w3 is old"
        ),
        pytest.param({"workers.drain_node_0": "skipped", "verify": "skipped"}, KEPT, "Not finished", id="w1, by hand"),
        pytest.param({"workers.drain_node_1": "failed", "verify": "skipped"}, KEPT, "Not finished", id="it has failed"),
        pytest.param({"workers.drain_node_1": None, "verify": None}, KEPT, "Not finished", id="nobody came to it"),
        pytest.param({"verify": "failed"}, KEPT, "Not finished", id="it was not proven"),
    ],
)
def test_what_was_left_for_another_window_is_never_done_and_nothing_else_passes_for_it(states, broken, result):
    """I11: of skipped steps, those count as left that are behind a gate which has said so."""
    unfinished = [task for task in _unfinished(TASKS, {**WELL, **states}, {}) if not _is_left(task, LEFT)]
    assert _result(False, unfinished, broken, LEFT) == result


def test_of_a_group_that_is_skipped_as_a_whole_airflow_knows_one_task():
    """It is never mapped."""
    states = {"claim": "success", "workers.drain_node": "skipped", "verify": "skipped"}
    assert {task["state"] for task in _unfinished(TASKS, states, {})} == {"skipped"}


def test_a_report_says_what_is_left_and_why_windows_were_ignored():
    left = {"nodes": ["w2"], "why": "To be continued: w2 is left (it opens on Sat 5 Dec 22:00 (UTC))"}
    hop = {**REPORT["hop"], "ignore_window": "an exploit is about"}
    page = report.as_markdown({**REPORT, "result": "To be continued", "unfinished": [], "left": left, "hop": hop})
    assert "**To be continued**\n" in page
    assert f"## To be continued\n\n{left['why']}.\n\n- w2\n" in page
    assert f"## To be continued\n\n{left['why']}.\n\n- w2" in report.in_short({**REPORT, "left": left})
    assert "It did not wait for maintenance windows: an exploit is about." in page
