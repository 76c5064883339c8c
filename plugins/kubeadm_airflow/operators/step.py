"""One operator carries every step of the procedure on one node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from airflow.sdk import BaseAsyncOperator, BaseXCom, Context
from airflow.sdk.exceptions import AirflowSkipException

from kubeadm_airflow.earlier_tries import keep_for_next_try, of_earlier_tries
from kubeadm_airflow.endings import EndsInTwoLines, from_event
from kubeadm_airflow.identity import run_of
from kubeadm_airflow.news import TELL, pass_on
from kubeadm_airflow.so_far import SoFar, is_first_act
from kubeadm_airflow.telling import tell
from kubeadm_airflow.waiting import first_wait, say
from kubeadm_upgrade import errors
from kubeadm_upgrade.assignment import Assignment
from kubeadm_upgrade.engine import perform, rehearse
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.inventory import load_cluster_named
from kubeadm_upgrade.procedure import CONTROL_PLANE_NODE, GROUPS, STEPS, WORKER_NODE
from kubeadm_upgrade.steps import Outcome, Pending, Progress, Step
from kubeadm_upgrade.telling.events import started
from kubeadm_upgrade.waits import kind_of


class StepOperator(EndsInTwoLines, BaseAsyncOperator):
    """Perform the steps of one task on one node, and leave the waiting to a trigger.

    The task's documentation is the steps' own, so that the page, the code and the UI agree.
    """

    template_fields: Sequence[str] = ("node", "hop")
    ui_color = "#e8eefc"

    def __init__(self, *, cluster: str, group: str, steps: Sequence[str], node: Any, hop: Any, **kwargs: Any) -> None:
        kwargs.setdefault("doc_md", _documentation(steps))
        super().__init__(map_index_template="{{ task.node }}", **kwargs)
        self.cluster = cluster
        self.group = group
        self.steps = list(steps)
        self.node = node
        self.hop = hop

    async def aexecute(self, context: Context) -> Any:
        so_far = SoFar.beginning(self._assignment(context), of_earlier_tries(context))
        if context["params"]["dry_run"]:
            await self._rehearse(so_far)
            return so_far.result
        try:
            await self._go_on(so_far, context)
        except errors.UpgradeError as error:
            error.done = so_far.outcomes
            keep_for_next_try(context, error)
            raise
        return await self._end(so_far, context)

    async def _go_on(self, so_far: SoFar, context: Context) -> None:
        """Step by step, until the last is done or there is something to wait for, which is left to a trigger."""
        goes_on = True
        while goes_on:
            if is_first_act(so_far.work):
                tell(context, started(so_far.work.cluster, so_far.work.hop.way, so_far.work.node))
            result = await self._attempt(so_far.work)
            if isinstance(result, Pending):
                await self._wait(so_far, result, context)
            else:
                goes_on = so_far.add(result, self.log.info)

    def resume(self, context: Context, event: Mapping[str, Any]) -> NoReturn:
        """The trigger ended with an error: raise it here, where the retry policy sees its family. Or it has news."""
        if TELL not in event:
            error = from_event(event)
            keep_for_next_try(context, error)
            raise error
        from kubeadm_airflow.triggers import StepTrigger

        self.defer(trigger=StepTrigger(**pass_on(context, event)), method_name="resume")

    async def _end(self, so_far: SoFar, context: Context) -> Any:
        """A node that is left for a later run: the rest of its steps are skipped with this one, and nothing fails."""
        last = so_far.done[-1]
        if last["status"] != "left":
            return so_far.result
        ti: Any = context["ti"]
        await ti.axcom_push(key=BaseXCom.XCOM_RETURN_KEY, value=so_far.result)
        raise AirflowSkipException("; ".join(last["details"]))

    async def _attempt(self, work: Assignment) -> Outcome | Pending:
        from kubeadm_airflow.hooks.node_connection import NodeConnection  # heavy, and DAG files import this module

        try:
            async with NodeConnection.open(load_cluster_named(self.cluster), work) as port:
                return await perform(STEPS[work.step], work.hop, port)
        except (errors.Unreachable, errors.Unauthorized, errors.Misdirected) as error:
            # the control plane goes away while it is upgraded: wait for it
            return Pending(error.what, error.progress or Progress(), kind=kind_of(error))

    def _assignment(self, context: Context) -> Assignment:
        hop = Hop.from_json(self.hop)
        return Assignment(self.cluster, run_of(context), hop, self.group, self.steps[0], self.node)

    async def _rehearse(self, so_far: SoFar) -> None:
        """Print what would be done, from the facts as they will be when the earlier steps have kept their promises."""
        from kubeadm_airflow.hooks.node_connection import NodeConnection

        work, steps = so_far.work, self._steps_up_to_these(so_far.work.hop)
        needs = frozenset(need for step in steps for need in step.needs)
        async with NodeConnection.open(load_cluster_named(self.cluster), work) as port:
            facts = await port.look(steps[-1], needs)
        for outcome in list(rehearse(steps, facts, work.hop))[-len(self.steps) :]:
            so_far.add(outcome, self.log.info)

    def _steps_up_to_these(self, hop: Hop) -> list[Step]:
        groups = CONTROL_PLANE_NODE if self.node in hop.control_plane else WORKER_NODE
        before = [step for name in groups[: groups.index(self.group)] for step in GROUPS[name]]
        names = [step.name for step in GROUPS[self.group]]
        return before + list(GROUPS[self.group][: names.index(self.steps[-1]) + 1])

    async def _wait(self, so_far: SoFar, pending: Pending, context: Context) -> NoReturn:
        from kubeadm_airflow.triggers import StepTrigger

        self.log.info("%s: waiting: %s", so_far.work, pending.reason)
        waits = first_wait(pending)
        await say(context["ti"], waits, so_far.word)
        trigger = StepTrigger(**so_far.to_json(), progress=pending.progress.to_json(), waits=waits.to_json())
        self.defer(trigger=trigger, method_name="resume")


def _documentation(steps: Sequence[str]) -> str | None:
    if len(steps) == 1:
        return STEPS[steps[0]].__doc__
    return "\n".join(f"1. **{name}**: {' '.join((STEPS[name].__doc__ or '').split())}" for name in steps)
