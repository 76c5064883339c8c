"""The report: where it is, and what it says."""

from __future__ import annotations

import pytest

from kubeadm_upgrade import report

REPORT = {
    "cluster": "prod",
    "run_id": "manual__2026",
    "started": "2026-11-23 06:00:00 UTC",
    "ended": "2026-11-23 06:10:00 UTC",
    "result": "Not finished",
    "hop": {"came_from": "1.28.15", "to": "1.29.15", "dry_run": False},
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


JOURNAL = "w2: its unit ended with exit status 1; its journal ends:\n[upgrade]\nno space"
STOPPED = [
    {"task": "verify", "node": None, "state": "upstream_failed"},
    {"task": "workers.admit", "node": "w1", "state": "deferred"},
    {"task": "workers.drain_node", "node": "w1", "state": "None"},
    {"task": "workers.kubeadm_upgrade_node", "node": "w2", "state": "failed", "why": JOURNAL},
    {"task": "workers.drain_node", "node": "w2", "state": "upstream_failed"},
    {"task": "workers.node_ready", "node": "w2", "state": "upstream_failed"},
]
NOT_DONE = """## Not done

- **w2**
  - `workers.kubeadm_upgrade_node` has failed: w2: its unit ended with exit status 1; its journal ends:

    ```
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
    page = report.as_markdown({**REPORT, "hop": None, "nodes": [], "outcomes": [], "findings": []})
    assert page.startswith("# prod: not planned\n")


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
