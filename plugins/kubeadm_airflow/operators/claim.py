"""The task that takes the cluster: one run at a time may act on a cluster, whichever Airflow it is of."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NoReturn

from airflow.sdk import Context

from kubeadm_airflow.endings import from_event
from kubeadm_airflow.identity import run_of
from kubeadm_airflow.news import TELL, pass_on
from kubeadm_airflow.operators.run import ClusterOperator
from kubeadm_airflow.waiting import say
from kubeadm_upgrade.errors import ClusterHeld
from kubeadm_upgrade.inventory import load_cluster_named
from kubeadm_upgrade.next_hop import Wish
from kubeadm_upgrade.waits import Wait, Waits


class ClaimOperator(ClusterOperator):
    """Take the cluster for this run in the cluster's own ledger, or wait until whoever holds it has ended.

    Before anything is looked at: what a run knows of a cluster is only worth something while nobody else moves it.
    """

    ui_color = "#fdf3e1"

    async def aexecute(self, context: Context) -> None:
        from kubeadm_airflow.hooks.cluster_claim import claim
        from kubeadm_airflow.run_triggers import ClaimTrigger

        cluster = load_cluster_named(self.cluster)
        params, run = context["params"], run_of(context)
        wish = Wish.read(params)
        if params["dry_run"]:
            self.log.info("%s: a dry run changes nothing, and holds nothing", self.cluster)
            return
        wishes: dict[str, Any] = {"take_over": (params["take_over"] or "").strip(), "give_up": list(wish.give_up)}
        reason = await claim(cluster, run, **wishes)
        if reason is None:
            self.log.info("%s: held by %s", self.cluster, run)
            return
        if params["when_held"] == "fail":
            raise ClusterHeld(f"{self.cluster}: {reason}")
        self.log.info("%s: waiting: %s", self.cluster, reason)
        waits = Waits(Wait.CLUSTER, reason, datetime.now(UTC))
        await say(context["ti"], waits)
        trigger = ClaimTrigger(cluster=self.cluster, run=run.to_json(), waits=waits.to_json(), **wishes)
        self.defer(trigger=trigger, method_name="resume")

    def resume(self, context: Context, event: Mapping[str, Any]) -> NoReturn:
        """The trigger ended with an error, or has something to tell people and goes on then."""
        if TELL not in event:
            raise from_event(event)
        from kubeadm_airflow.run_triggers import ClaimTrigger

        self.defer(trigger=ClaimTrigger(**pass_on(context, event)), method_name="resume")
