"""Ask whether Pods that block a drain may be deleted, and write down who has agreed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import Context, Param
from airflow.sdk.bases.operator import event_loop
from airflow.sdk.exceptions import TaskAwaitingInput

from kubeadm_airflow.operators.run import ClusterOperator, refuse_unknown_parameters
from kubeadm_airflow.telling import tell
from kubeadm_airflow.waiting import say
from kubeadm_upgrade.approval.answer import APPROVE, MOST_LETTERS, REASON, REFUSE, Answer
from kubeadm_upgrade.approval.deletion_page import WAITS, DeletionQuestion, policy_of
from kubeadm_upgrade.assignment import RunId
from kubeadm_upgrade.drain.blocked import run_that_drains
from kubeadm_upgrade.errors import BadParameters, NotApproved
from kubeadm_upgrade.inventory import load_cluster_named
from kubeadm_upgrade.ledger.ledger import Ledger
from kubeadm_upgrade.ledger.permit import PermittedPod
from kubeadm_upgrade.telling.events import approval_wanted
from kubeadm_upgrade.waits import Wait, Waits

# what somebody fills in beside their answer
FORM: Mapping[str, Param] = {
    REASON: Param("", type=["null", "string"], maxLength=MOST_LETTERS, title="Reason", description="Why, for the log"),
}


class DeletePodsOperator(ClusterOperator, HITLOperator):
    """It looks, asks, and writes the ledger. Whatever is deleted then, the drain deletes, as it judges at that moment.

    Nothing is written where somebody refuses or nobody answers, and nothing where the run that was meant has lost the
    cluster or the node meanwhile.
    """

    template_fields: Sequence[str] = ("hop",)
    ui_color = "#fdf3e1"

    def __init__(self, *, cluster: str, **kwargs: Any) -> None:
        kwargs |= {"subject": f"Delete Pods of {cluster}?", "options": [APPROVE, REFUSE], "params": dict(FORM)}
        super().__init__(cluster=cluster, **kwargs)

    async def aexecute(self, context: Context) -> NoReturn:
        """Waits for an answer: this does not return."""
        from kubeadm_airflow import asking

        refuse_unknown_parameters(context)
        question = await self._question(context)
        asked = asking.put(context, question, self.serialized_params)
        self.log.info("%s: %s\n%s", self.cluster, question.subject, question.body)
        do = "approve or refuse it in Airflow"
        tell(context, approval_wanted(self.cluster, question.subject, question.body, question.name, do))
        await self._wait(context, question, asked.left)

    async def _question(self, context: Context) -> DeletionQuestion:
        """As things are now. Raises OrderRefused where there is nothing to ask."""
        from kubeadm_airflow.hooks.cluster_claim import ledger_of
        from kubeadm_airflow.hooks.deleting import look_at_blocked

        cluster, params = load_cluster_named(self.cluster), context["params"]
        node, reason = (" ".join(str(params.get(name) or "").split()) for name in ("node", "reason"))
        if not node:
            raise BadParameters("no node is named", do="name the node whose drain is blocked in node")
        run = run_that_drains(await ledger_of(cluster), self.cluster, node, str(params.get("run") or ""))
        blocked = await look_at_blocked(cluster, node)
        blocked.check()
        by = context["dag_run"].triggering_user_name or ""
        return DeletionQuestion(blocked, run, policy_of(cluster.approval), by, reason)

    async def _wait(self, context: Context, question: DeletionQuestion, left: timedelta | None) -> NoReturn:
        await say(context["ti"], Waits(Wait.APPROVAL, question.policy.who, datetime.now(UTC)))
        pods = {one.pod.uid: str(one.pod) for one in question.pods}
        shown = {"node": question.blocked.node, "run": question.run.to_json(), "pods": pods}
        raise TaskAwaitingInput(method_name="execute_complete", kwargs={"shown": shown}, timeout=left or WAITS)

    def execute_complete(self, context: Context, event: dict[str, Any], shown: Mapping[str, Any] | None = None) -> Any:
        """Somebody has answered, or the deadline has. `shown`: the Pods that they were shown, and for whom."""
        with event_loop() as loop:
            return loop.run_until_complete(self._answered(event, shown or {}))

    async def _answered(self, event: Mapping[str, Any], shown: Mapping[str, Any]) -> dict[str, Any]:
        answer = None if "error" in event else Answer.read(event)
        if answer is None or answer.by_deadline:
            raise NotApproved(f"{self.cluster}: nobody has answered in time; no Pod is deleted")
        if not answer.approved:
            why = f": {answer.reason}" if answer.reason else ""
            raise NotApproved(f"{self.cluster}: refused by {answer.by}{why}; no Pod is deleted")
        pods = [PermittedPod(uid, pod, answer.by, answer.at) for uid, pod in shown["pods"].items()]
        await self._permit(shown["node"], RunId.from_json(shown["run"]), pods)
        said = f"the drain of {shown['node']} may delete {', '.join(shown['pods'].values())}: approved by {answer.by}"
        self.log.info("%s: %s%s", self.cluster, said, f": {answer.reason}" if answer.reason else "")
        return {"node": shown["node"], "pods": dict(shown["pods"]), "by": answer.by, "why": answer.reason, "said": said}

    async def _permit(self, node: str, run: RunId, pods: Sequence[PermittedPod]) -> None:
        from kubeadm_airflow.hooks.cluster_ledger import change_ledger

        def permitted(ledger: Ledger) -> Ledger:
            run_that_drains(ledger, self.cluster, node, run.dag_run)
            return ledger.permitted(node, run, pods)

        await change_ledger(load_cluster_named(self.cluster), permitted)
