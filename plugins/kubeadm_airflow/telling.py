"""Tell people what happens to an upgrade, at the cost of one request: a run of a DAG of its own does the rest."""

from __future__ import annotations

import logging

from airflow.sdk import Context

from kubeadm_upgrade.telling.events import Event

log = logging.getLogger(__name__)


def tell(context: Context, event: Event) -> None:
    """From a task's own process, where its cluster's file has channels. Never raises; told twice, it is told once."""
