"""Write the report of a run, whatever became of it, and give the cluster back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk import Context

from kubeadm_airflow.identity import run_of
from kubeadm_airflow.operators.run import ClusterOperator
from kubeadm_airflow.run_report import durations_of, write_report
from kubeadm_airflow.telling import tell
from kubeadm_upgrade import to_be_continued
from kubeadm_upgrade.errors import FailedBefore, NotFinished, NotSettled, UpgradeError
from kubeadm_upgrade.inventory import load_cluster_named
from kubeadm_upgrade.telling.endings import ended


class ReportOperator(ClusterOperator):
    """Write what the run did to the reports directory. As a teardown it runs after a failure too, and fails then.

    It is what makes a run red that did not keep its promise (invariant I11). Whoever marks a run as failed has Airflow
    skip what was left, and a run that ends in skipped tasks is a success to Airflow; a teardown is not skipped.
    """

    ui_color = "#f1eef8"

    async def aexecute(self, context: Context) -> dict[str, str]:
        if not context["params"]["dry_run"]:
            await self._take_marks_off(context)
        written, markdown, plain = await write_report(context, self.cluster)
        self.log.info("report: %s", markdown)
        if not context["params"]["dry_run"]:
            await self._give_back(context, written)
        if written["result"] not in ("Done and verified", "Rehearsed", to_be_continued.RESULT):
            raise why_red(written, f"{self.cluster}: {written['result'].lower()}: see the report, {markdown}")
        tell(context, ended(self.cluster, written))
        return {"markdown": str(markdown), "json": str(plain)}

    async def _take_marks_off(self, context: Context) -> None:
        """Of nodes that were still to come. What is left all the same, the report tells."""
        from kubeadm_airflow.hooks.draining import take_marks_off

        try:
            await take_marks_off(load_cluster_named(self.cluster), run_of(context))
        except UpgradeError as error:
            self.log.warning("%s: nodes may still be marked: %s", self.cluster, error.what)

    async def _give_back(self, context: Context, written: dict[str, Any]) -> None:
        """Where the run never had the cluster, whatever kept it from that is told already."""
        from kubeadm_airflow.hooks.cluster_claim import release

        try:
            hop, is_done = written["hop"] or {}, written["result"] == "Done and verified"
            ends_path = bool(is_done and hop.get("ends_path") and not written["next_run"])
            durations = durations_of(written)
            await release(load_cluster_named(self.cluster), run_of(context), durations, ends_path=ends_path)
        except UpgradeError as error:
            if not any(task["task"] == "claim" for task in written["unfinished"]):
                raise
            self.log.info("%s: there is nothing to give back: %s", self.cluster, error.what)


def why_red(written: Mapping[str, Any], what: str) -> UpgradeError:
    """The last word on a run. It is not another than that of the task that failed: some are of no use to clear."""
    if written["may_settle"]:
        return NotSettled(what)
    told = {task["do"]: task["task"] for task in reversed(written["unfinished"]) if task.get("do")}
    match list(told.items()):
        case []:
            return NotFinished(what)
        case [(do, task)]:
            return FailedBefore(what, do=f"as the task {task} says: {do}")
        case _:
            return FailedBefore(what)
