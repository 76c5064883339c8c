"""One operator carries every step of the procedure on one node."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import BaseAsyncOperator, Context

from kubeadm_upgrade import errors
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.inventory import load_cluster_named
from kubeadm_upgrade.procedure import CONTROL_PLANE_NODE, GROUPS, STEPS, WORKER_NODE
from kubeadm_upgrade.steps import Outcome, Pending, Step, perform, rehearse

if TYPE_CHECKING:
    from kubeadm_airflow.hooks.node_port import NodePort


class StepOperator(BaseAsyncOperator):
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
        from kubeadm_airflow.hooks.node_port import NodePort  # heavy, and DAG files import this module

        cluster, hop, step = load_cluster_named(self.cluster), Hop.from_json(self.hop), STEPS[self.step]
        try:
            async with NodePort.open(cluster, hop, self.group, self.node) as port:
                if hop.dry_run:
                    return self._told(await self._rehearse(port, hop))
                result = await perform(step, hop, lambda: port.look(step), port.act)
        except errors.Unreachable as error:  # the control plane goes away while it is upgraded: wait for it
            if hop.dry_run:
                raise
            result = Pending(str(error), error.told)
        if isinstance(result, Outcome):
            return self._told(result)
        self._wait(result, cluster.patience[step.patience] if step.patience else None)

    def resume(self, context: Context, event: dict[str, str]) -> NoReturn:
        """The trigger ended with an error: raise it here, where the retry policy sees its family."""
        kind = getattr(errors, event["error"], errors.UpgradeError)
        raise kind(event["message"])

    async def _rehearse(self, port: NodePort, hop: Hop) -> Outcome:
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

    def _wait(self, pending: Pending, patience: timedelta | None) -> NoReturn:
        from kubeadm_airflow.triggers import StepTrigger

        self.log.info("%s: %s: waiting: %s", self.node, self.step, pending.reason)
        self.defer(
            trigger=StepTrigger(
                cluster=self.cluster,
                group=self.group,
                step=self.step,
                node=self.node,
                hop=self.hop,
                told=list(pending.actions),
                deadline=(datetime.now(UTC) + patience).isoformat() if patience else None,
            ),
            method_name="resume",
        )
