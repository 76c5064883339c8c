"""Tell one event to one channel: the task of the DAG that tells people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowSkipException, AirflowTaskTimeout

from kubeadm_airflow.channels import NotTold, send
from kubeadm_airflow.endings import leaving
from kubeadm_upgrade.errors import BadParameters
from kubeadm_upgrade.inventory import load_cluster_named
from kubeadm_upgrade.telling.notice import Notice


class TellOperator(BaseOperator):
    """Hand what has happened to one channel of the cluster's file, or say why it is not told there.

    What the channel is, is read when it is told: a mended file holds from the next try on.
    """

    template_fields: Sequence[str] = ("channel",)
    ui_color = "#f1eef8"

    def __init__(self, *, cluster: str, channel: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cluster = cluster
        self.channel = channel

    def execute(self, context: Context) -> None:
        with leaving():
            self._tell(context)

    def _tell(self, context: Context) -> None:
        notice = _notice(context)
        channel = load_cluster_named(self.cluster).notify.named(self.channel)
        if channel is None:
            raise AirflowSkipException(f"{self.cluster}: its file has no channel {self.channel} any more")
        if notice.event.kind not in channel.events:
            raise AirflowSkipException(f"{self.channel} is not told of {notice.event.kind}: see events in the file")
        self.log.info("%s: %s", self.channel, notice.title)
        try:
            send(channel, notice, dict(context))
        except AirflowTaskTimeout:
            raise NotTold(f"{self.channel} has not taken it in {self.execution_timeout}") from None
        self.log.info("told: %s", self.channel)


def _notice(context: Context) -> Notice:
    try:
        return Notice.from_json(context["dag_run"].conf or {})
    except (KeyError, TypeError, ValueError):
        raise BadParameters(
            "this run has nothing to tell: its conf is no event", do="leave it to upgrades to start runs of this DAG"
        ) from None
