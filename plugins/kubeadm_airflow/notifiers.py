"""Whoever looks at a run learns of a failed task at once, not when the run is over."""

from __future__ import annotations

import asyncio
from typing import Any

from airflow.sdk import BaseNotifier, Context

from kubeadm_airflow.run_report import FAILURE, failure_of, write_report


class ReportSoFar(BaseNotifier):
    """Write the report as far as the run has come, with the reason of the failure.

    The other nodes go on, or wait for a person: until the last of them has ended, the task `report` does not run.
    """

    def __init__(self, *, cluster: str) -> None:
        super().__init__()
        self.cluster = cluster

    def notify(self, context: Context) -> None:
        """Called by a task's own process, when it has failed and is not tried again."""
        ti: Any = context["ti"]
        ti.xcom_push(FAILURE, failure_of(ti.task_id, ti.map_index, context.get("exception")))
        asyncio.run(write_report(context, self.cluster))
