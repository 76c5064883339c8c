"""One operator carries every step of the procedure on one node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import BaseAsyncOperator, BaseXCom, Context
from airflow.sdk.exceptions import AirflowSkipException

from kubeadm_airflow.endings import EndsInTwoLines, from_event
from kubeadm_airflow.identity import run_of
from kubeadm_airflow.waiting import first_wait, say
from kubeadm_upgrade import errors
from kubeadm_upgrade.assignment import Assignment
from kubeadm_upgrade.engine import perform, rehearse
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.inventory import load_cluster_named
from kubeadm_upgrade.procedure import CONTROL_PLANE_NODE, GROUPS, STEPS, WORKER_NODE
from kubeadm_upgrade.steps import Outcome, Pending, Progress, Step
from kubeadm_upgrade.waits import Waits, kind_of

if TYPE_CHECKING:
    from kubeadm_airflow.hooks.node_connection import NodeConnection


class StepOperator(EndsInTwoLines, BaseAsyncOperator):
    """Perform one step on one node, and leave the waiting to a trigger.

    The task's documentation is the step's own, so that the page, the code and the UI agree.
    """

    template_fields: Sequence[str] = ("node", "hop")
    ui_color = "#e8eefc"

    def __init__(self, *, cluster: str, group: str, step: str, node: Any, hop: Any, **kwargs: Any) -> None:
        kwargs.setdefault("task_id", step)
        super().__init__(doc_md=STEPS[step].__doc__, map_index_template="{{ task.node }}", **kwargs)
        self.cluster = cluster
        self.group = group
        self.step = step
        self.node = node
        self.hop = hop

    async def aexecute(self, context: Context) -> dict[str, Any]:
        began = datetime.now(UTC)
        work = self._assignment(context)
        result = await self._attempt(work, dry_run=bool(context["params"]["dry_run"]))
        if isinstance(result, Outcome):
            told = self._told(result) | told_beside(work, began)
            return await self._skip(context, told) if result.status == "left" else told
        waits = first_wait(result)
        await say(context["ti"], waits)
        self._wait(work, result, began, waits)

    def resume(self, context: Context, event: Mapping[str, Any]) -> NoReturn:
        """The trigger ended with an error: raise it here, where the retry policy sees its family."""
        raise from_event(event)

    async def _skip(self, context: Context, told: dict[str, Any]) -> NoReturn:
        """The node is left for a later run: the rest of its steps are skipped with this one, and nothing fails."""
        ti: Any = context["ti"]
        await ti.axcom_push(key=BaseXCom.XCOM_RETURN_KEY, value=told)
        raise AirflowSkipException("; ".join(told["details"]))

    async def _attempt(self, work: Assignment, *, dry_run: bool) -> Outcome | Pending:
        from kubeadm_airflow.hooks.node_connection import NodeConnection  # heavy, and DAG files import this module

        try:
            async with NodeConnection.open(load_cluster_named(self.cluster), work) as port:
                if dry_run:
                    return await self._rehearse(port, work.hop)
                return await perform(STEPS[self.step], work.hop, port)
        except (errors.Unreachable, errors.Unauthorized, errors.Misdirected) as error:
            if dry_run:
                raise
            # the control plane goes away while it is upgraded: wait for it
            return Pending(error.what, error.progress or Progress(), kind=kind_of(error))

    def _assignment(self, context: Context) -> Assignment:
        hop = Hop.from_json(self.hop)
        return Assignment(self.cluster, run_of(context), hop, self.group, self.step, self.node)

    async def _rehearse(self, port: NodeConnection, hop: Hop) -> Outcome:
        """Print what would be done, from the facts as they will be when the earlier steps have kept their promises."""
        steps = self._steps_up_to_this_one(hop)
        needs = frozenset(need for step in steps for need in step.needs)
        facts = await port.look(STEPS[self.step], needs)
        return list(rehearse(steps, facts, hop))[-1]

    def _steps_up_to_this_one(self, hop: Hop) -> list[Step]:
        groups = CONTROL_PLANE_NODE if self.node in hop.control_plane else WORKER_NODE
        before = [step for name in groups[: groups.index(self.group)] for step in GROUPS[name]]
        names = [step.name for step in GROUPS[self.group]]
        return before + list(GROUPS[self.group][: names.index(self.step) + 1])

    def _told(self, outcome: Outcome) -> dict[str, Any]:
        self.log.info("%s: %s: %s", self.node, self.step, outcome.status)
        for line in (*outcome.actions, *outcome.details):
            self.log.info("%s:   %s", self.node, line)
        return outcome.to_json()

    def _wait(self, work: Assignment, pending: Pending, began: datetime, waits: Waits) -> NoReturn:
        from kubeadm_airflow.triggers import StepTrigger

        self.log.info("%s: waiting: %s", work, pending.reason)
        patience = self._patience()
        self.defer(
            trigger=StepTrigger(
                work=work.to_json(),
                progress=pending.progress.to_json(),
                began=began.isoformat(),
                deadline=(datetime.now(UTC) + patience).isoformat() if patience else None,
                waits=waits.to_json(),
            ),
            method_name="resume",
        )

    def _patience(self) -> timedelta | None:
        kind = STEPS[self.step].patience
        return load_cluster_named(self.cluster).patience[kind] if kind else None


def told_beside(work: Assignment, began: datetime, waits: Waits | None = None) -> dict[str, Any]:
    """What an outcome does not know of itself, and reports live on: when it was at work, and what it waited for."""
    now = datetime.now(UTC)
    return {
        "group": work.group,
        "seconds": round((now - began).total_seconds(), 1),
        "began": began.isoformat(timespec="milliseconds"),
        "ended": now.isoformat(timespec="milliseconds"),
        "waited": waits.until(now) if waits else [],
    }
