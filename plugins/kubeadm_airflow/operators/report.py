"""Write the report of a run, whatever became of it."""

from __future__ import annotations

from typing import Any

from airflow.sdk import BaseAsyncOperator, Context

from kubeadm_airflow.run_report import write_report


class ReportOperator(BaseAsyncOperator):
    """Write what the run did to the reports directory. As a teardown it runs after a failure too."""

    ui_color = "#f1eef8"

    def __init__(self, *, cluster: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.cluster = cluster

    async def aexecute(self, context: Context) -> dict[str, str]:
        markdown, plain = await write_report(context, self.cluster)
        self.log.info("report: %s", markdown)
        return {"markdown": str(markdown), "json": str(plain)}
