"""One run is one hop: the run of the next one is triggered here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from airflow.sdk import BaseOperator, BaseOperatorLink, Context
from airflow.sdk.exceptions import AirflowSkipException, DagRunTriggerException

from kubeadm_upgrade.next_hop import run_id_of


class NextHopLink(BaseOperatorLink):
    """From this run to the one that goes on."""

    name = "Next hop"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        from airflow.utils.helpers import build_airflow_dagrun_url

        return build_airflow_dagrun_url(operator.dag_id, operator.next_run) if operator.next_run else ""


class NextHopOperator(BaseOperator):
    """Trigger the run of the path's next hop, with the same parameters. Skipped where this was the last one.

    The new run is named after the path's first run and the version it goes to, so a second try finds it and starts no
    second one. TriggerDagRunOperator ends in the same exception; importing it would cost every task 0.3 s.
    """

    template_fields: Sequence[str] = ("hop", "path")
    operator_extra_links = (NextHopLink(),)
    ui_color = "#eef6ea"

    def __init__(self, *, cluster: str, hop: Any, path: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cluster = cluster
        self.hop = hop
        self.path = path
        self.next_run: str | None = None

    def execute(self, context: Context) -> NoReturn:
        following = self.path["hops"][1:]
        if not following:
            raise AirflowSkipException(f"{self.cluster}: this was the last hop")
        if self.hop["dry_run"]:
            raise AirflowSkipException(f"{self.cluster}: a dry run moves nothing: the next hop would be this one again")
        self.next_run = run_id_of(str(context["run_id"]), following[0]["to"])
        self.log.info("%s: the next hop goes to %s: run %s", self.cluster, following[0]["to"], self.next_run)
        raise DagRunTriggerException(
            trigger_dag_id=self.dag_id,
            dag_run_id=self.next_run,
            conf=dict(context["dag_run"].conf or {}),
            logical_date=None,
            reset_dag_run=False,
            skip_when_already_exists=True,
            wait_for_completion=False,
            allowed_states=[],
            failed_states=[],
            poke_interval=60,
            deferrable=False,
        )
