"""One run is one hop: the run of the next one is triggered here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.sdk import BaseAsyncOperator, BaseOperatorLink, Context
from airflow.sdk.exceptions import DagRunTriggerException

from kubeadm_airflow.dag_runs import dag_run
from kubeadm_airflow.endings import EndsInTwoLines
from kubeadm_airflow.identity import run_of
from kubeadm_upgrade.errors import StepRefused
from kubeadm_upgrade.inventory import load_cluster_named
from kubeadm_upgrade.next_hop import names_in, successor_of
from kubeadm_upgrade.wording import count


class NextHopLink(BaseOperatorLink):
    """From this run to the one that goes on."""

    name = "Next hop"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        from airflow.utils.helpers import build_airflow_dagrun_url

        return build_airflow_dagrun_url(operator.dag_id, operator.next_run) if operator.next_run else ""


class NextHopOperator(EndsInTwoLines, BaseAsyncOperator):
    """Trigger the run that goes on, with the same parameters: more workers, the next hop, or nodes that have joined.

    The runs of a path are numbered, so a second try finds its successor and starts no second one. A run that was
    aborted, or has lost its cluster, ends its path. TriggerDagRunOperator ends in the same exception as this; importing
    it would cost every task 0.3 s.
    """

    template_fields: Sequence[str] = ("hop", "path", "joined")
    operator_extra_links = (NextHopLink(),)
    ui_color = "#eef6ea"

    def __init__(self, *, cluster: str, hop: Any, path: Any, joined: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cluster = cluster
        self.hop = hop
        self.path = path
        self.joined = joined
        self.next_run: str | None = None

    async def aexecute(self, context: Context) -> None:
        why = self._why_go_on(context)
        if why is None:
            return
        self.next_run = successor_of(str(context["run_id"]))
        # whom the first run was to take the cluster from, nobody else is
        conf = {name: value for name, value in (context["dag_run"].conf or {}).items() if name != "take_over"}
        if self._is_there(context, conf):
            self.log.info("%s: %s: run %s was started before", self.cluster, why, self.next_run)
            return
        await self._refuse_to_go_on(context)
        self.log.info("%s: %s: run %s", self.cluster, why, self.next_run)
        raise DagRunTriggerException(
            trigger_dag_id=self.dag_id,
            dag_run_id=self.next_run,
            conf=conf,
            logical_date=None,
            reset_dag_run=False,
            skip_when_already_exists=False,
            wait_for_completion=False,
            allowed_states=[],
            failed_states=[],
            poke_interval=60,
            deferrable=False,
            note=f"{why}, after {context['run_id']}",  # what the run's page shows beside its id
        )

    def _why_go_on(self, context: Context) -> str | None:
        following = self.path["hops"][1:]
        if context["params"]["dry_run"]:
            self.log.info("%s: a dry run moves nothing: the next hop would be this one again", self.cluster)
            return None
        if later := self.hop["later"]:
            return f"{count(len(later), 'more worker')} to {self.hop['to']}"
        if following:
            target = "" if len(following) == 1 else f", on the way to {following[-1]['to']}"
            return f"the next hop goes to {following[0]['to']}{target}"
        if self.joined and not names_in(context["params"]["nodes"]):
            return f"{', '.join(self.joined)} joined meanwhile"
        self.log.info("%s: this was the last hop", self.cluster)
        return None

    async def _refuse_to_go_on(self, context: Context) -> None:
        from kubeadm_airflow.hooks.cluster_claim import why_not_go_on

        if reason := await why_not_go_on(load_cluster_named(self.cluster), run_of(context)):
            raise StepRefused(f"{self.cluster}: the path ends here: {reason}")

    def _is_there(self, context: Context, conf: dict[str, Any]) -> bool:
        """Whether the successor exists. Raises StepRefused where it is another's, of the same name."""
        ti: Any = context["ti"]
        if not ti.get_dr_count(dag_id=self.dag_id, run_ids=[self.next_run]):
            return False
        there = dag_run(self.dag_id, str(self.next_run)).conf or {}
        if there == conf:
            return True
        raise StepRefused(
            f"{self.cluster}: the path goes on in run {self.next_run}, and there is a run of this name with other "
            f"parameters ({there})",
            do="delete that run, or start the next hop by hand",
        )
