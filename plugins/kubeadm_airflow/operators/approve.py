"""Have somebody agree to the path before it begins, where the cluster's file wants it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Context, Param
from airflow.sdk.bases.operator import event_loop
from airflow.sdk.exceptions import TaskAwaitingInput

from kubeadm_airflow.identity import run_of
from kubeadm_airflow.operators.run import ClusterOperator
from kubeadm_airflow.telling import tell
from kubeadm_airflow.waiting import say
from kubeadm_upgrade.approval.answer import APPROVE, MOST_LETTERS, REASON, REFUSE, WAIVE, Answer
from kubeadm_upgrade.approval.approval import Approval
from kubeadm_upgrade.approval.page import Question, beside_of
from kubeadm_upgrade.approval.policy import Then
from kubeadm_upgrade.approval.terms import Terms
from kubeadm_upgrade.errors import NotApproved, NotToAct
from kubeadm_upgrade.inventory import load_cluster_named
from kubeadm_upgrade.next_hop import Wish
from kubeadm_upgrade.telling.events import approval_wanted
from kubeadm_upgrade.waits import Wait, Waits

RESUMED = "execute_complete"  # where Airflow goes on with an answer

# what somebody fills in beside their answer; a form makes null of what it has emptied
FORM: Mapping[str, Param] = {
    REASON: Param(
        "",
        type=["null", "string"],
        maxLength=MOST_LETTERS,
        title="Reason",
        description="Why, for the ledger and the report",
    ),
    WAIVE: Param(
        [],
        type=["null", "array"],
        items={"type": "string"},
        title="Waive these checks",
        description="Names of checks that block, and may be passed over this time",
    ),
}


@dataclass(frozen=True)
class Seen:
    """What there is to ask about, and the approval that covers it: then nobody need be asked."""

    question: Question
    approval: Approval | None


class AskingOperator(ClusterOperator, HITLOperator):
    """A task that may have to ask. What it asks, and whom, is found out when it runs: its shape is always the same."""

    template_fields: Sequence[str] = ("hop",)
    ui_color = "#fdf3e1"

    def __init__(self, *, cluster: str, hop: Any = None, **kwargs: Any) -> None:
        kwargs |= {"subject": f"Upgrade {cluster}?", "options": [APPROVE, REFUSE], "params": dict(FORM)}
        super().__init__(cluster=cluster, hop=hop, **kwargs)

    async def seen(self, context: Context) -> Seen:
        """What would be asked now."""
        raise NotImplementedError

    async def ask(self, context: Context, question: Question) -> NoReturn:
        """Waits for an answer: this does not return."""
        from kubeadm_airflow import asking

        asked = asking.put(context, question, self.serialized_params)
        self.log.info("%s: %s\n%s", self.cluster, question.subject, question.body)
        tell(context, approval_wanted(self.cluster, question.subject, question.body, question.terms.hash))
        reason = f"{question.policy.who}{_until(asked.until, question)}"
        await self._wait(context, question, asked.left, reason)

    async def heard(self, context: Context, question: Question, answer: Answer) -> Approval:
        """What becomes of an answer: an approval in the ledger, the end of the run, or the question once more."""
        from kubeadm_airflow.hooks.cluster_claim import keep_approval, why_not_go_on
        from kubeadm_upgrade.approval.waivers import objection

        if not answer.approved:
            raise NotApproved(f"{self.cluster}: {_refused(answer, question)}")
        cluster, run = load_cluster_named(self.cluster), run_of(context)
        if why_not := await why_not_go_on(cluster, run):
            raise NotToAct(f"{self.cluster}: {why_not}; no node was touched")
        if wrong := objection(question.terms.blocks, answer.waive):
            await self._ask_again(context, question, answer, wrong)
        told = (answer.at, question.terms, answer.reason, answer.waive, str(context["run_id"]))
        approval = Approval(answer.by, *told)
        if not await keep_approval(cluster, run, approval):
            raise NotToAct(f"{self.cluster}: {await why_not_go_on(cluster, run)}; no node was touched")
        self.log.info("%s: %s", self.cluster, approval)
        return approval

    def execute_complete(self, context: Context, event: dict[str, Any], shown: Mapping[str, Any] | None = None) -> Any:
        """Somebody has answered, or the deadline has. `shown`: the terms that they were shown."""
        with event_loop() as loop:
            return loop.run_until_complete(self._answered(context, event, shown))

    async def _answered(self, context: Context, event: Mapping[str, Any], shown: Mapping[str, Any] | None) -> Any:
        now = (await self.seen(context)).question
        if "error" in event:  # a deadline without a default, as no question of ours has
            raise NotApproved(f"{self.cluster}: nobody has answered in time; no node was touched")
        then = replace(now, terms=Terms.from_json(shown)) if shown else now
        await self.heard(context, then, Answer.read(event))
        return await self.aexecute(context)  # once more: what was approved may not be what is so by now

    async def _ask_again(self, context: Context, question: Question, answer: Answer, wrong: str) -> NoReturn:
        """Of an answer that does not go together with what was found. The text that Airflow shows is the same."""
        from kubeadm_airflow import asking

        last = asking.asked(context)
        if answer.by_deadline or (last is not None and last.is_over):
            raise NotApproved(f"{self.cluster}: nobody has approved it in time: {wrong}; no node was touched")
        asked = asking.put_again(context, question, self.serialized_params)
        self.log.warning("%s: %s's answer: %s: asked again", self.cluster, answer.by, wrong)
        await self._wait(context, question, asked.left, f"{question.policy.who}, asked again ({wrong})")

    async def _wait(self, context: Context, question: Question, left: timedelta | None, reason: str) -> NoReturn:
        await say(context["ti"], Waits(Wait.APPROVAL, reason, datetime.now(UTC)))
        kwargs = {"shown": question.terms.to_json()}
        raise TaskAwaitingInput(method_name=RESUMED, kwargs=kwargs, timeout=left)


class ApproveOperator(AskingOperator):
    """Ends at once where nobody has to agree: a dry run, a path that the file wants no approval of, or one that was
    approved before, in this run or in one before it on the same path.
    """

    async def aexecute(self, context: Context) -> dict[str, Any] | None:
        from kubeadm_airflow.approvals import APPROVAL, told_of

        if context["params"]["dry_run"]:
            self.log.info("%s: a dry run asks nobody", self.cluster)
            return None
        seen = await self.seen(context)
        question, approval = seen.question, seen.approval
        if why_not := question.policy.why_not(question.terms):
            self.log.info("%s: %s", self.cluster, why_not)
            return None
        if approval is None:
            await self.ask(context, question)
        self.log.info("%s: %s", self.cluster, approval)
        ti: Any = context["ti"]
        await ti.axcom_push(key=APPROVAL, value=told_of(approval))
        return told_of(approval)

    async def seen(self, context: Context) -> Seen:
        """Of the run's plan, what preflight has found, and the cluster's file of now."""
        from kubeadm_airflow.approvals import as_planned
        from kubeadm_airflow.hooks.cluster_claim import ledger_of

        cluster, ti = load_cluster_named(self.cluster), context["ti"]
        path = await ti.axcom_pull(task_ids="plan", key="path")  # type: ignore[attr-defined]
        terms, begun, found = await as_planned(context, cluster)
        before = (await ledger_of(cluster)).approved if cluster.approval.wants(terms) else None
        same_way = before is not None and before.terms.hops[-1].to.release == terms.hops[-1].to.release
        changed = before.difference(terms, begun) if before and same_way else ()
        beside = beside_of(Wish.read(context["params"]).ignore_window)
        question = Question(self.cluster, path, terms, cluster.approval, found, before, changed, beside)
        return Seen(question, before if before and before.covers(terms, begun) else None)


def _until(until: str | None, question: Question) -> str:
    if until is None:
        return ""
    then = "approved" if question.policy.then is Then.APPROVE else "refused"
    return f", until {datetime.fromisoformat(until):%Y-%m-%d %H:%M} UTC (then it counts as {then})"


def _refused(answer: Answer, question: Question) -> str:
    why = f": {answer.reason}" if answer.reason else ""
    if answer.by_deadline:
        return f"nobody ({question.policy.who}) has answered in time, so it counts as refused; no node was touched"
    return f"refused by {answer.by}{why}; no node was touched"
