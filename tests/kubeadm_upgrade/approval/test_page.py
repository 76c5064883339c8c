"""What somebody is shown before they agree."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from in_memory.states import cluster, releases
from kubeadm_upgrade.approval.approval import Approval
from kubeadm_upgrade.approval.page import Question, text
from kubeadm_upgrade.approval.policy import ApprovalPolicy, Then, When
from kubeadm_upgrade.approval.terms_of import terms_of
from kubeadm_upgrade.inventory import Cluster
from kubeadm_upgrade.planning.path import Policy
from kubeadm_upgrade.planning.plan import plan
from kubeadm_upgrade.preflight import Finding, Severity
from kubeadm_upgrade.version import TargetVersion

MARKDOWN = MarkdownIt("gfm-like", {"linkify": False, "html": True})
STATE = cluster("1.28.9", "1.28.9", "1.28.9")
A = Cluster("prod", "api", "ssh", TargetVersion.parse("1.30"), max_unavailable=2)
PATH = plan(STATE, A.target_version, Policy(), releases())
POLICY = ApprovalPolicy(When.ALWAYS, ("ann", "bob"), timedelta(hours=48))
FOUND = (
    Finding("room_on_disks", Severity.BLOCK, "w1: /dev/sda1 has 123 MiB free, and 768 MiB are needed: make room"),
    Finding("no_reboot_pending", Severity.WARN, "w2: its operating system waits for a reboot"),
)
QUESTION = Question("prod", PATH.to_json(), terms_of(A, STATE, PATH), POLICY, FOUND)


def test_it_shows_the_plan_and_what_was_found():
    body = QUESTION.body
    assert f"Plan `{PATH.hash}-{QUESTION.terms.hash}`: 2 hops, 2 drains of workers, at most 2 of them" in body
    assert "| 2 | 1.29.9 → 1.30.9 | 2 | 0 |" in body
    assert "- Drain and upgrade w1, w2 (kubelet 1.28.9): the target is reached".replace("(", "\\(") or body
    assert "[Release notes](https://github.com/kubernetes/kubernetes/blob/master/CHANGELOG/CHANGELOG-1.29.md)" in body
    assert "https://v1-30.docs.kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-upgrade/" in body
    assert "- **block** `room_on_disks`: w1: /dev/sda1 has 123 MiB free" in body
    assert "unless you name it in `waive`: room_on_disks." in body
    assert "Who may answer: ann or bob. If nobody has within 2d, it counts as refused, and the run ends." in body
    assert QUESTION.subject == f"prod: upgrade from 1.28.9 to 1.30.9? (plan {QUESTION.name})"


@pytest.mark.parametrize(
    ("policy", "sentence"),
    [
        (
            ApprovalPolicy(When.ALWAYS),
            "Who may answer: whoever has the right to in Airflow. It is waited for as long as it takes.",
        ),
        (replace(POLICY, then=Then.APPROVE), "If nobody has within 2d, it counts as approved."),
    ],
)
def test_what_the_deadline_does(policy, sentence):
    assert sentence in replace(QUESTION, policy=policy).body


def test_what_has_changed_comes_first():
    before = Approval("ann", datetime(2026, 11, 26, 20, 0, tzinfo=UTC), QUESTION.terms, "go")
    body = replace(QUESTION, before=before, changed=("worker w7 is new", "max_unavailable 1 → 3")).body
    assert body.startswith("## What has changed since\n\nIt was approved by ann on 2026-11-26 20:00:00 UTC: go.")
    assert "- worker w7 is new\n- max\\_unavailable 1 → 3" in body


HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "![](https://evil.example/x.png)",
    "[click](javascript:alert(1))",
    "\n\n# Approved by the board\n",
    "| a | b |\n| - | - |",
    "`code` **bold** ~~gone~~",
    "https://evil.example",
    "www.evil.example and ann@evil.example",
    "&lt;b&gt;",
    "a\u2028# b",
    "[x]: https://evil.example\n[x]",
]
OURS = {"https://github.com/kubernetes", "https://v1-29.docs.kubernetes.io", "https://v1-30.docs.kubernetes.io"}


def tokens(body):
    for block in MARKDOWN.parse(body):
        yield block
        yield from block.children or ()


def markup(body):
    """What is more than text, but for our own links."""
    for token in tokens(body):
        href = token.attrs.get("href", "")
        if token.type == "link_open" and any(str(href).startswith(ours) for ours in OURS):
            continue
        if token.type in ("html_block", "html_inline", "image", "link_open"):
            yield token


@pytest.mark.parametrize("said", HOSTILE)
def test_what_a_host_says_stays_text(said):
    """In a finding, in a plan's finding and note, in a name, in somebody's reason."""
    path = PATH.to_json()
    path["hops"][0] |= {"findings": [said], "notes": [said]}
    path["hops"][0]["control_plane"][0] |= {"nodes": [said], "reason": said}
    found = (Finding("swap_off", Severity.BLOCK, said),)
    before = Approval("ann", datetime(2026, 11, 26, tzinfo=UTC), QUESTION.terms, said)
    body = replace(QUESTION, path=path, found=found, before=before, changed=(said,)).body
    assert list(markup(body)) == []
    headings = [token for token in MARKDOWN.parse(body) if token.type == "heading_open"]
    assert len(headings) == 6
    assert len([token for token in MARKDOWN.parse(body) if token.type == "table_open"]) == 1


@given(st.text())
def test_any_text_is_shown_as_it_is(said):
    """But for its blanks, which a page does not show."""
    shown = "".join(token.content for token in tokens(f"x{text(said)}x") if token.type in ("text", "text_special"))
    assert shown.replace("\ufffd", "\0") == f"x{' '.join(said.split())}x".replace("\ufffd", "\0")
