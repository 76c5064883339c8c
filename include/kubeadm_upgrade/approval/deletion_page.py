"""What somebody is shown before they agree that Pods are deleted and not evicted: Markdown, as Airflow shows it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from hashlib import sha256

from kubeadm_upgrade.approval.page import text
from kubeadm_upgrade.approval.policy import ApprovalPolicy, Then
from kubeadm_upgrade.assignment import RunId
from kubeadm_upgrade.drain.blocked import Blocked, Candidate
from kubeadm_upgrade.drain.obstacle import Budget
from kubeadm_upgrade.durations import told
from kubeadm_upgrade.wording import count

WAITS = timedelta(hours=1)  # where the cluster's file says no deadline: whoever has asked is there


def policy_of(approval: ApprovalPolicy) -> ApprovalPolicy:
    """The people of the cluster's approvals. Nothing is ever deleted because nobody has answered."""
    return replace(approval, deadline=approval.deadline or WAITS, then=Then.REFUSE)


@dataclass(frozen=True)
class DeletionQuestion:
    """What is asked, and of whom."""

    blocked: Blocked
    run: RunId  # the upgrade that it is for
    policy: ApprovalPolicy
    by: str = ""  # who wants it
    reason: str = ""

    @property
    def cluster(self) -> str:
        return self.blocked.cluster

    @property
    def pods(self) -> tuple[Candidate, ...]:
        return self.blocked.may_go

    @property
    def name(self) -> str:
        """Of just these Pods, of this node, for this run."""
        uids = sorted(one.pod.uid for one in self.pods)
        said = "\0".join((self.cluster, self.run.unmistakable, self.blocked.node, *uids))
        return sha256(said.encode()).hexdigest()[:8]

    @property
    def subject(self) -> str:
        """It names what is shown: another set of Pods is another question."""
        which = count(len(self.pods), "Pod")
        return f"{self.cluster}: delete {which} of {self.blocked.node} that no budget lets go? ({self.name})"

    @property
    def body(self) -> str:
        return "\n\n".join(part for part in (self._wanted, self._table, self._kept, self._answer) if part) + "\n"

    @property
    def _wanted(self) -> str:
        asked = f" {text(self.by)} asks for it" if self.by else ""
        why = f": {text(self.reason)}" if self.reason else ""
        lines = (
            f"## {text(self.cluster)}: the drain of {text(self.blocked.node)} is blocked",
            f"For {text(self.run)}.{asked}{why}{'.' if asked or why else ''}",
            "**These Pods would be deleted instead of evicted, which goes around their budgets:**",
        )
        return "\n\n".join(lines)

    @property
    def _table(self) -> str:
        head = ("| Pod | Owner | Healthy now | Budgets |", "| --- | --- | --- | --- |")
        return "\n".join((*head, *map(_row, self.pods)))

    @property
    def _kept(self) -> str:
        rows = [f"- {text(one)}" for one in self.blocked.stay]
        return "\n".join(("## What is not deleted", "", *rows)) if rows else ""

    @property
    def _answer(self) -> str:
        deadline = told(self.policy.deadline or WAITS)
        who = f"Who may answer: {text(self.policy.who)}. If nobody has within {deadline}, nothing is deleted."
        return f"## Your answer\n\n{who}\n\n{_MEANS}"


_MEANS = (
    "Approve, and the drain asks once more for each eviction; where its budget still refuses, the Pod is deleted, with "
    "its grace period, one after the other. Right before each it is judged again: one that is by then the last healthy "
    "one of its owner or of a budget stays, and so does one beside which another is missing or not healthy, until that "
    "is replaced. It holds for these Pods alone (by UID), on this node, in this run. Refuse, and nothing changes: "
    "evictions are asked for as before."
)


def _row(one: Candidate) -> str:
    budgets = "; ".join(_numbers(one.refused.budgets)) or "none"
    return f"| {text(one.pod)} | {text(one.owner)} | {one.healthy} of {one.replicas} | {text(budgets)} |"


def _numbers(budgets: tuple[Budget, ...]) -> Iterator[str]:
    for one in budgets:
        yield f"{one} (needs {one.needed} healthy, has {one.healthy})"
