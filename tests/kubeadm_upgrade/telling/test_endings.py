"""What is told of a run's end."""

from __future__ import annotations

import pytest

from kubeadm_upgrade.telling.endings import ended, failed
from kubeadm_upgrade.telling.events import Kind, Severity

HOP = {"came_from": "1.28.15", "to": "1.29.15", "control_plane": ["cp1"], "workers": ["w1", "w2"]}
DONE = {
    "result": "Done and verified",
    "hop": HOP,
    "started": "2026-12-05 22:00:00 UTC",
    "ended": "2026-12-05 23:20:00 UTC",
    "unfinished": [],
    "findings": [],
    "nodes": [
        {"name": name, "role": role, "ready": "Ready", "kubelet": "1.29.15", "before": "1.28.15"}
        for name, role in (("cp1", "control plane"), ("w1", "worker"), ("w2", "worker"))
    ],
}
WHY = "To be continued: w2 is left (it opens on Sat 12 Dec 22:00 (UTC))"
LEFT = DONE | {
    "result": "To be continued",
    "left": {"nodes": ["w2"], "why": WHY},
    "nodes": [*DONE["nodes"][:2], DONE["nodes"][2] | {"kubelet": "1.28.15"}],
}


def task(name, node, why):
    return {"task": name, "node": node, "state": "failed", "why": why, "do": "do it"}


@pytest.mark.parametrize(
    ("more", "text"),
    [
        pytest.param({}, "the upgrade is done and verified: 1.28.15 to 1.29.15; 3 nodes in 80 minutes", id="done"),
        pytest.param(
            {"given_up": {"w2": "its disk"}, "next_run": "night~2"},
            "the upgrade is done and verified: 1.28.15 to 1.29.15; 3 nodes in 80 minutes; left for a later run: w2; "
            "the path goes on in run night~2",
            id="goes-on",
        ),
        pytest.param(
            {"nodes": DONE["nodes"][:2]},
            "the upgrade is done and verified: 1.28.15 to 1.29.15; 2 of 3 nodes in 80 minutes",
            id="one-was-removed-meanwhile",
        ),
        pytest.param({"hop": None}, "the upgrade is done and verified", id="nothing-planned"),
        pytest.param({"started": "?"}, "the upgrade is done and verified: 1.28.15 to 1.29.15; 3 nodes", id="no-times"),
    ],
)
def test_finished(more, text):
    event = ended("prod", DONE | more)
    assert (event.kind, event.text) == (Kind.FINISHED, text)
    assert "| w1 | worker | Ready | 1.29.15 | 1.28.15 |" in event.more


@pytest.mark.parametrize(
    ("more", "text"),
    [
        pytest.param(
            {},
            "the upgrade is to be continued: w2 is left (it opens on Sat 12 Dec 22:00 (UTC)); "
            "1.28.15 to 1.29.15: 2 of 3 nodes are done after 80 minutes",
            id="some-moved",
        ),
        pytest.param(
            {"left": {"nodes": ["cp1", "w1", "w2"], "why": WHY.replace("w2 is", "cp1, w1, w2 are")}, "started": "?"},
            "the upgrade is to be continued: cp1, w1, w2 are left (it opens on Sat 12 Dec 22:00 (UTC)); "
            "1.28.15 to 1.29.15: 0 of 3 nodes are done",
            id="none-moved",
        ),
        pytest.param(
            {"nodes": LEFT["nodes"][1:]},
            "the upgrade is to be continued: w2 is left (it opens on Sat 12 Dec 22:00 (UTC)); "
            "1.28.15 to 1.29.15: 1 of 3 nodes is done after 80 minutes",
            id="one-was-removed-meanwhile",
        ),
    ],
)
def test_what_is_to_be_continued_is_not_finished(more, text):
    """I11: another kind, which somebody may want to see to, with why and no more nodes than are done."""
    event = ended("prod", LEFT | more)
    assert (event.kind, event.severity, event.text) == (Kind.WINDOW_CLOSED, Severity.WARNING, text)
    assert "## To be continued\n\nTo be continued: " in event.more
    assert event.do == "start a run for the rest, where windows open none (open_runs)"


def test_each_window_that_has_ended_a_run_is_told_once():
    again = LEFT | {"ended": "2026-12-05 23:22:00 UTC"}
    later = LEFT | {"left": {"nodes": ["w2"], "why": WHY.replace("12", "19")}}
    which = {ended("prod", written).which for written in (LEFT, again, later)}
    assert len(which) == 2


@pytest.mark.parametrize(
    ("written", "text"),
    [
        pytest.param(None, "the run has failed: prod: not finished", id="no-report"),
        pytest.param(
            DONE
            | {"unfinished": [task("verify", None, "w1 is not Ready"), task("workers.drain_node", "w1", "held\nx")]},
            "the run has failed: w1: workers.drain_node: held",
            id="a-node-first",
        ),
        pytest.param(
            DONE | {"broken_promises": ["w1 runs 1.28.15"]}, "the run has failed: w1 runs 1.28.15", id="promise"
        ),
        pytest.param(DONE, "the run has failed: prod: not finished", id="says-nothing"),
    ],
)
def test_failed(written, text):
    event = failed("prod", "prod: not finished", "do what the report says", written, "8")
    assert (event.text, event.do) == (text, "do what the report says")


def test_a_run_that_was_cleared_fails_anew():
    assert failed("prod", "x", "y", None, "8").key != failed("prod", "x", "y", None, "17").key
