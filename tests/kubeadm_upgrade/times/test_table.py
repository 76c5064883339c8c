"""Where the time went, in a table: which step, how long as a rule, and who took longest."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from kubeadm_upgrade.times.table import as_markdown

NOON = datetime(2026, 11, 26, 12, tzinfo=UTC)


def outcome(node, step, seconds, *waited, status="changed"):
    times = {"began": NOON.isoformat(), "ended": (NOON + timedelta(seconds=seconds)).isoformat()}
    return {"node": node, "step": step, "status": status, "waited": [list(one) for one in waited], **times}


def test_each_step_in_the_order_of_a_run():
    outcomes = [
        outcome("w1", "drain_node", 40),
        outcome("w2", "drain_node", 700, ["pods", 650.0], ["command", 9.0]),
        outcome("w3", "drain_node", 30, ["pods", 10.0]),
        outcome("w1", "stage_packages", 12),
        outcome("w9", "admit", 602, ["turn", 500.0], ["slot", 100.0]),
        outcome("w9", "uncordon_node", 1, status="unchanged"),
    ]
    assert as_markdown(outcomes) == (
        "## Where the time went\n"
        "\n"
        "| Step | Nodes | Median | Longest | Waited |\n"
        "| --- | --- | --- | --- | --- |\n"
        "| stage_packages | 1 | 12 seconds | w1: 12 seconds |  |\n"
        "| admit | 1 | 2 seconds | w9: 2 seconds | for its turn 8 minutes, for a slot 2 minutes |\n"
        "| drain_node | 3 | 40 seconds | w2: 12 minutes | for Pods to go 11 minutes |"
    )


def test_without_times_there_is_no_table():
    assert as_markdown([{"node": "w1", "step": "drain_node", "status": "changed", "seconds": 4}]) == ""
    assert as_markdown([]) == ""
