"""Whoever looks at a task or at its run learns of a failure at once, not when the run is over."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from airflow.sdk import BaseNotifier, Context

from kubeadm_airflow.endings import Ending
from kubeadm_airflow.identity import run_of
from kubeadm_airflow.run_report import FAILURE, failure_of, write_report
from kubeadm_airflow.telling import tell
from kubeadm_upgrade import report
from kubeadm_upgrade.telling.endings import failed
from kubeadm_upgrade.telling.failures import Failure, task_failed


class LastLines(BaseNotifier):
    """End the log of a task's try with two lines: what is wrong, and what to do.

    Airflow calls it after its own last word on the try, but for the mark that ends a group of lines which its UI shows
    folded: so that mark comes before ours as well.
    """

    def notify(self, context: Context) -> None:
        """Called by a task's own process, when a try has failed."""
        ti: Any = context["ti"]
        tries_left = ti.max_tries + 1 - ti.try_number if ti.state == "up_for_retry" else 0
        ending = Ending.of(context.get("exception"), tries_left)
        self.log.info("::endgroup::")
        for line in ending.said:
            self.log.info("%s", line)
        for line in ending.lines:
            self.log.error("%s", line)


class ReportSoFar(LastLines):
    """Before that, write the report as far as the run has come, with the reason of the failure.

    The other nodes go on, or wait for a person: until the last of them has ended, the task `report` does not run.
    """

    def __init__(self, *, cluster: str) -> None:
        super().__init__()
        self.cluster = cluster

    def notify(self, context: Context) -> None:
        """Called when a task has failed and is not tried again. What keeps the report from being written is told."""
        ti: Any = context["ti"]
        why, written = failure_of(ti.task_id, ti.map_index, context.get("exception")), None
        try:
            ti.xcom_push(FAILURE, why)
            written, _, _ = asyncio.run(write_report(context, self.cluster))
        except Exception as error:
            self.log.warning("the report could not be written: %s", Ending.of(error).what)
        self._note_for_rollout(context)
        if ti.map_index >= 0:  # after the failure of another task nothing is left of the run but its report
            self._tell(context, why["at"], written)
        super().notify(context)

    def _note_for_rollout(self, context: Context) -> None:
        """Of a worker: whoever is admitted next counts it (rollout/gates.py)."""
        from kubeadm_airflow.hooks.cluster_ledger import note_failed  # heavy, and DAG files import this module

        task: Any = context.get("task")
        ending = Ending.of(context.get("exception"))
        if getattr(task, "group", "") != "workers" or ending.is_ruled_out:
            return
        try:
            asyncio.run(note_failed(self.cluster, run_of(context), str(task.node), ending.what))
        except Exception as error:
            self.log.warning("that it has failed could not be noted for the rollout: %s", Ending.of(error).what)

    def _tell(self, context: Context, at: str, written: dict[str, Any] | None) -> None:
        """What somebody has decided for the whole run is told with its end, and not of each node that waited."""
        ti: Any = context["ti"]
        ending = Ending.of(context.get("exception"))
        failed = Failure(ti.task_id, str(getattr(context.get("task"), "node", "")), ending.what, at)
        event = task_failed(self.cluster, failed, ending.do, ending.said, again_of(ti), written)
        if ending.is_ruled_out or event is None:
            self.log.info("nobody is told of this task by itself")
        else:
            tell(context, event)


class RunFailed(LastLines):
    """Before that, tell people that the run has failed: of the report's task, which comes last in any case."""

    def __init__(self, *, cluster: str) -> None:
        super().__init__()
        self.cluster = cluster

    def notify(self, context: Context) -> None:
        """Called when the report has failed and is not tried again: mostly it stands, and says why."""
        ending = Ending.of(context.get("exception"))
        written = self._written(context)
        tell(context, failed(self.cluster, ending.what, ending.do, written, again_of(context["ti"])))
        super().notify(context)

    def _written(self, context: Context) -> dict[str, Any] | None:
        try:
            _, plain = report.paths(context["dag"].dag_id, str(context["run_id"]))
            written: dict[str, Any] = json.loads(plain.read_text())
        except (OSError, ValueError):
            return None
        return written


def again_of(ti: Any) -> str:
    """The same for all tries of a task, and another one once somebody has cleared it."""
    return str(ti.max_tries)
