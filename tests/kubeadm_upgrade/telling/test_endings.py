"""What is told of a run's end."""

from __future__ import annotations

import pytest

from kubeadm_upgrade.telling.endings import failed, finished

HOP = {"came_from": "1.28.15", "to": "1.29.15", "control_plane": ["cp1"], "workers": ["w1", "w2"]}
DONE = {
    "result": "Done and verified",
    "hop": HOP,
    "started": "2026-12-05 22:00:00 UTC",
    "ended": "2026-12-05 23:20:00 UTC",
    "unfinished": [],
    "findings": [],
    "nodes": [{"name": "w1", "role": "worker", "ready": "Ready", "kubelet": "1.29.15", "before": "1.28.15"}],
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
        pytest.param({"hop": None}, "the upgrade is done and verified", id="nothing-planned"),
        pytest.param({"started": "?"}, "the upgrade is done and verified: 1.28.15 to 1.29.15; 3 nodes", id="no-times"),
    ],
)
def test_finished(more, text):
    event = finished("prod", DONE | more)
    assert event.text == text
    assert "| w1 | worker | Ready | 1.29.15 | 1.28.15 |" in event.more


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
