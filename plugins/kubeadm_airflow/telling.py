"""Tell people what happens to an upgrade, at the cost of one request: a run of a DAG of its own does the rest.

So a receiver that is slow or away costs the upgrade nothing, and what could not be told is tried again over there.
"""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import Context
from airflow.sdk.configuration import conf

from kubeadm_upgrade.inventory import load_cluster_named
from kubeadm_upgrade.telling.events import Event
from kubeadm_upgrade.telling.notice import Notice, telling_dag

log = logging.getLogger(__name__)


def tell(context: Context, event: Event) -> None:
    """From a task's own process, where the cluster's file has a channel for it. Never raises; a dry run tells nobody.

    Told twice it is told once, since the id of the run that tells it is that of the event: whoever was killed right
    after it, or is tried again, does no harm. Nothing may be awaited meanwhile: it blocks its event loop.
    """
    try:
        _tell(context, event)
    except Exception as error:
        log.warning("%s: nobody is told that %s: %s", event.cluster, event.text, type(error).__name__)
        log.debug("why nobody was told", exc_info=True)


def base_url() -> str:
    """Where people find this Airflow; "": nobody has said."""
    return conf.get("api", "base_url", fallback="") or ""


def _tell(context: Context, event: Event) -> None:
    if context["params"].get("dry_run") or not load_cluster_named(event.cluster).notify.wants(event.kind):
        return
    notice = Notice.of(
        event,
        dag_id=context["dag"].dag_id,
        run_id=str(context["run_id"]),
        began=context["dag_run"].run_after.isoformat(),
        now=datetime.now(UTC),
        airflow=base_url(),
    )
    if _trigger(telling_dag(event.cluster), notice):
        log.info("people are told: %s", notice.title)
    else:
        log.info("people were told before: %s", notice.title)


def _trigger(dag_id: str, notice: Notice) -> bool:
    """Whether there was no such run. The Task SDK has a message for it and no public function (1.3)."""
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.comms import ErrorResponse, TriggerDagRun

    message = TriggerDagRun(dag_id=dag_id, run_id=notice.telling_run, conf=notice.to_json(), note=notice.title)
    answer: Any = task_runner.SUPERVISOR_COMMS.send(message)
    return not isinstance(answer, ErrorResponse)
