"""The same check as on the command line, where tasks run: in a worker, and in the triggerer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from airflow.sdk import BaseAsyncOperator, Context
from airflow.sdk.exceptions import TaskDeferralTimeout

from kubeadm_airflow.endings import EndsInTwoLines, from_event, leaving
from kubeadm_upgrade.access.line import Line, NoRunPossible, State, refuse
from kubeadm_upgrade.inventory import load_cluster_named

LINES = "lines"  # the XCom, also of a task that fails
# as long as a large fleet of hosts may take, and not so long that nobody sees that no triggerer runs
PATIENCE = timedelta(minutes=15)


class CheckOperator(EndsInTwoLines, BaseAsyncOperator):
    """Ask whether a run is possible, log every line, and fail where one does not pass.

    Workers and triggerer read files of their own: known_hosts, keys, kubeconfigs. So each is asked by itself.
    """

    ui_color = "#fdf3e1"

    def __init__(self, *, cluster: str, in_triggerer: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cluster = cluster
        self.in_triggerer = in_triggerer

    async def aexecute(self, context: Context) -> None:
        if self.in_triggerer:
            from kubeadm_airflow.check_trigger import CheckTrigger

            self.defer(trigger=CheckTrigger(cluster=self.cluster), method_name="judge", timeout=PATIENCE)
        from kubeadm_airflow.hooks.access_look import look_at_access

        cluster = load_cluster_named(self.cluster)
        lines = await look_at_access(cluster, cluster.target_version)
        ti: Any = context["ti"]
        await ti.axcom_push(key=LINES, value=[line.to_json() for line in lines])
        self._tell(lines)
        refuse(self.cluster, lines)

    def judge(self, context: Context, event: Mapping[str, Any]) -> None:
        """What the triggerer has seen."""
        if LINES not in event:
            raise from_event(event)
        lines = [Line.from_json(plain) for plain in event[LINES]]
        ti: Any = context["ti"]
        ti.xcom_push(key=LINES, value=[line.to_json() for line in lines])
        self._tell(lines)
        refuse(self.cluster, lines)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Airflow's own word on a deferral that nobody has answered names no triggerer."""
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except TaskDeferralTimeout:
            with leaving():
                raise NoRunPossible(
                    f"{self.cluster}: no triggerer has answered in {PATIENCE}",
                    do="start one (airflow triggerer): every step that waits needs it",
                ) from None

    def _tell(self, lines: Iterable[Line]) -> None:
        for line in lines:
            if line.state is State.OK:
                self.log.info("%s", line)
            else:
                self.log.warning("%s", line)
            if line.do:
                self.log.warning("    %s", line.do)
