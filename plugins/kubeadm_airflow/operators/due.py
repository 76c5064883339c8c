"""The first task of a run: has a run that nobody has started anything to do?"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, NoReturn

from airflow.sdk import Context
from airflow.sdk.exceptions import DownstreamTasksSkipped

from kubeadm_airflow.last_look import keep_last_look
from kubeadm_airflow.only_for_pages import only_for_pages
from kubeadm_airflow.operators.run import ClusterOperator, refuse_unknown_parameters
from kubeadm_upgrade.due import NOTHING_TO_DO, aborted_since, left_to_do
from kubeadm_upgrade.errors import UpgradeError
from kubeadm_upgrade.inventory import Cluster, load_cluster_named
from kubeadm_upgrade.next_hop import Wish, path_for
from kubeadm_upgrade.windows.calendar import Calendar
from kubeadm_upgrade.windows.coming import next_window_told
from kubeadm_upgrade.windows.words import moment_told

SCHEDULED = "scheduled"  # the type of a run, in Airflow's words


class DueOperator(ClusterOperator):
    """Ask whether a run that the schedule has opened has anything to do; any other run passes at once.

    Where it has not, all after this task is skipped, and the XCom `nothing_to_do` says why. What cannot be looked at,
    or planned, is for the tasks after this one to tell: only what was seen to be well is nothing to do. Parameters that
    this DAG does not know are refused here, before anything else.
    """

    ui_color = "#fdf3e1"

    async def aexecute(self, context: Context) -> None:
        cluster = load_cluster_named(self.cluster)  # before all else: while it is broken, the DAG knows no target
        refuse_unknown_parameters(context)
        wish = Wish.read(context["params"])
        if context["dag_run"].run_type != SCHEDULED:
            return
        why = _too_late(context, cluster.calendar) or await self._nothing_to_do(context, cluster, wish)
        if why is not None:
            await self._skip_the_rest(context, f"{why}. {next_window_told(cluster.calendar, datetime.now(UTC))}")

    async def _nothing_to_do(self, context: Context, cluster: Cluster, wish: Wish) -> str | None:
        from kubeadm_airflow.hooks.cluster_scene import look_at_state_and_ledger
        from kubeadm_upgrade.releases.known import releases

        try:
            state, ledger = await look_at_state_and_ledger(cluster, wish.target)
            with only_for_pages("what was seen last"):
                keep_last_look(context, self.cluster, state.cluster_version, state.nodes, ledger)
            run = context["dag_run"]
            if not run.clear_number and (aborted := aborted_since(ledger, run.run_after)):
                return aborted
            path = path_for(cluster, state, wish, releases())
        except UpgradeError as error:
            self.log.info("whether there is anything to do, the tasks after this one tell: %s", error.what)
            return None
        left = list(left_to_do(state, path))
        for sentence in left:
            self.log.info("%s: %s", self.cluster, sentence)
        return None if left else f"Nothing to do: {cluster.name} is at {path.target}, every node Ready"

    async def _skip_the_rest(self, context: Context, why: str) -> NoReturn:
        """Whatever their trigger rules are, the report among them: there is nothing to report.

        Not by SkipMixin.skip, which would skip a task again that somebody has cleared because they want it.
        """
        ti: Any = context["ti"]
        self.log.info("%s", why)
        await ti.axcom_push(key=NOTHING_TO_DO, value=why)
        raise DownstreamTasksSkipped(tasks=sorted(self.get_flat_relative_ids(upstream=False)))


def _too_late(context: Context, calendar: Calendar) -> str | None:
    """A run that comes when its window is over is made up for by the next window's, unless somebody has cleared it.

    When Airflow was away, its scheduler opens the run that it had planned before, whenever it comes back.
    """
    run = context["dag_run"]
    if run.clear_number or run.data_interval_end is None:
        return None
    began = run.start_date or datetime.now(UTC)
    if began < run.data_interval_end:
        return None
    ended = moment_told(run.data_interval_end, calendar.zone, began)
    return f"Not begun: its window was over on {ended}, before this run could begin"
