"""Before the first node is taken out of service: wait for the maintenance window, and look whether all is as it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import Context
from airflow.sdk.bases.operator import event_loop

from kubeadm_airflow.endings import from_event
from kubeadm_airflow.identity import run_of
from kubeadm_airflow.news import TELL, pass_on
from kubeadm_airflow.operators.approve import AskingOperator, Seen
from kubeadm_airflow.operators.run import LOOK_IS_OLD
from kubeadm_airflow.waiting import say
from kubeadm_upgrade.approval.page import Question, beside_of
from kubeadm_upgrade.errors import NotSettled, PlanChanged, PreflightFailed, several
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.inventory import load_cluster_named
from kubeadm_upgrade.next_hop import Wish, groups_of, path_for
from kubeadm_upgrade.preflight import may_settle
from kubeadm_upgrade.version import TargetVersion
from kubeadm_upgrade.waits import Wait, Waits
from kubeadm_upgrade.windows.forecast import forecast


class WindowOperator(AskingOperator):
    """Passes at once where a window is open, or there are none, and nothing has lasted for long since the plan.

    After anything else the cluster is looked at, planned and judged again. What was approved and is otherwise now, is
    asked once more; what this run has planned and cannot do any more, ends it.
    """

    async def aexecute(self, context: Context) -> Any:
        from kubeadm_airflow.hooks.cluster_scene import look_at_window

        if context["params"]["dry_run"]:
            self.log.info("%s: a dry run waits for no window", self.cluster)
            return None
        cluster, hop = load_cluster_named(self.cluster), Hop.from_json(self.hop)
        if (hold := await look_at_window(cluster, hop, run_of(context))) is not None:
            await self._wait_for_it(context, hold.sentence)
        return await self._settle(context)

    def opened(self, context: Context, event: Mapping[str, Any]) -> Any:
        """The window is open; or the trigger has met an error, or has something to tell people and waits on then."""
        if TELL in event:
            from kubeadm_airflow.run_triggers import WindowTrigger

            self.defer(trigger=WindowTrigger(**pass_on(context, event)), method_name="opened")
        if "opened" not in event:
            raise from_event(event)
        with event_loop() as loop:
            return loop.run_until_complete(self._settle(context))

    async def _wait_for_it(self, context: Context, reason: str) -> None:
        from kubeadm_airflow.run_triggers import WindowTrigger

        self.log.info("%s: waiting: %s", self.cluster, reason)
        waits = Waits(Wait.WINDOW, reason, datetime.now(UTC))
        await say(context["ti"], waits)
        run = run_of(context).to_json()
        trigger = WindowTrigger(cluster=self.cluster, hop=self.hop, run=run, waits=waits.to_json())
        self.defer(trigger=trigger, method_name="opened")

    async def _settle(self, context: Context) -> dict[str, Any] | None:
        """Whether all is as it was, or somebody agrees to it as it is."""
        from kubeadm_airflow.approvals import APPROVAL, told_of
        from kubeadm_airflow.hooks.cluster_claim import note_judgement
        from kubeadm_upgrade.approval.waivers import blocking, may_all_be_waived

        ti: Any = context["ti"]
        if await self._is_fresh(ti) and await self._is_covered(context):
            self.log.info("%s: it was looked at a short while ago", self.cluster)
            return None
        seen = await self.seen(context)
        question, approval = seen.question, seen.approval
        wanted = question.policy.wants(question.terms)
        blocks = blocking(question.found, approval if wanted else None)
        if blocks and not (wanted and may_all_be_waived(blocks)):
            kind = NotSettled if may_settle(blocks) else PreflightFailed
            raise kind(f"{self.cluster}: no node was touched: {several([one.message for one in blocks])}")
        if not wanted:
            approval = None
        elif approval is None:
            await self.ask(context, question)
        await note_judgement(load_cluster_named(self.cluster), run_of(context))
        if approval is None:
            self.log.info("%s: all is as it was planned", self.cluster)
            return None
        self.log.info("%s: %s", self.cluster, approval)
        told = told_of(approval)
        await ti.axcom_push(key=APPROVAL, value=told)
        return told

    async def _is_fresh(self, ti: Any) -> bool:
        seen = await ti.axcom_pull(task_ids="plan", key="seen")
        return datetime.now(UTC) - datetime.fromisoformat(seen["looked_at"]) <= LOOK_IS_OLD

    async def _is_covered(self, context: Context) -> bool:
        """Whether the run's plan may be carried out as the file is now: approve may have been marked, not answered."""
        from kubeadm_airflow.approvals import approval_that_covers, as_planned
        from kubeadm_upgrade.approval.waivers import blocking

        cluster = load_cluster_named(self.cluster)
        terms, begun, found = await as_planned(context, cluster)
        if not cluster.approval.wants(terms):
            return not blocking(found)
        approval = await approval_that_covers(cluster, terms, begun)
        return approval is not None and not blocking(found, approval)

    async def seen(self, context: Context) -> Seen:
        """As look, plan and preflight have done; with what was published then, since that is what this run installs."""
        from kubeadm_airflow.approvals import planned_terms
        from kubeadm_airflow.hooks.cluster_scene import judge_and_rehearse, look_at_state_and_ledger
        from kubeadm_upgrade.approval.difference import of_the_hop
        from kubeadm_upgrade.approval.terms_of import begun_in, terms_of, with_findings
        from kubeadm_upgrade.planning.state import State
        from kubeadm_upgrade.releases.known import releases

        ti: Any = context["ti"]
        cluster, hop = load_cluster_named(self.cluster), Hop.from_json(self.hop)
        seen = await ti.axcom_pull(task_ids="plan", key="seen")
        wish = _planned_for(context, seen)
        state, ledger = await look_at_state_and_ledger(cluster, wish.target)
        state = replace(state, **State.read_published(seen))
        wish = replace(wish, gone=hop.known - {node.name for node in state.nodes})
        path = path_for(cluster, state, wish, releases())
        (planned, _), begun = await planned_terms(context, cluster), begun_in(state, path)
        terms = terms_of(cluster, state, path, ignores_windows=bool(wish.ignore_window))
        if changed := of_the_hop(planned, terms, begun):
            raise PlanChanged(f"{self.cluster}: this run cannot do any more what it has planned: {several(changed)}")
        found = await judge_and_rehearse(cluster, hop)
        for finding in found:
            self.log.warning("%s: %s", finding.check, finding)
        await ti.axcom_push(key="judged", value=[finding.to_json() for finding in found])
        terms = with_findings(terms, found)
        before = ledger.approved
        changed = before.difference(terms, begun) if before else ()
        pace, at_once = ledger.durations, cluster.rollout.workers_at_once(len(state.workers))
        groups, ignores = groups_of(cluster, state), bool(hop.ignore_window)
        when = forecast(path, cluster.calendar, datetime.now(UTC), pace, at_once, groups, ignores=ignores)
        told, beside = path.to_json() | {"forecast": when.to_json()}, beside_of(wish.ignore_window)
        question = Question(self.cluster, told, terms, cluster.approval, found, before, changed, beside)
        return Seen(question, before if before and not changed else None)


def _planned_for(context: Context, seen: Mapping[str, Any]) -> Wish:
    """What this run was started with. Where it says no target that is the file's, which may be another one by now."""
    wish = Wish.read(context["params"])
    target = seen.get("target")  # an earlier release has not kept it
    return replace(wish, target=TargetVersion.parse(target)) if target else wish
