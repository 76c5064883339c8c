"""A run that takes longer than it may: Airflow's own deadline alert, which tells by itself.

Its callback runs in the triggerer, whatever the executor is, and no task of the run knows of it. The triggerer has no
way to start a run, so the callback hands the event to the channels itself, and tries again itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from airflow.sdk.definitions.callback import AsyncCallback
from airflow.sdk.definitions.deadline import DeadlineAlert, DeadlineReference

from kubeadm_upgrade.durations import told
from kubeadm_upgrade.errors import UpgradeError
from kubeadm_upgrade.inventory import Cluster, load_cluster_named
from kubeadm_upgrade.telling.channels import Channel
from kubeadm_upgrade.telling.events import Kind, late
from kubeadm_upgrade.telling.notice import Notice

PAUSES = (0.0, 30.0, 300.0)  # seconds before each try

log = logging.getLogger(__name__)


def deadline_of(cluster: Cluster) -> DeadlineAlert | None:
    """For the DAG of a cluster whose file says when a run is late."""
    after = cluster.notify.late_after
    if after is None or not cluster.notify.wants(Kind.LATE):
        return None
    callback = AsyncCallback("kubeadm_airflow.late.tell_late", kwargs={"cluster": cluster.name, "after": told(after)})
    return DeadlineAlert(reference=DeadlineReference.DAGRUN_QUEUED_AT, interval=after, callback=callback)


async def tell_late(cluster: str, after: str, context: Mapping[str, Any]) -> None:
    """What Airflow calls. Raises nothing: what could not be told is in its log."""
    run = context["dag_run"]
    if (run.get("conf") or {}).get("dry_run"):
        return
    from kubeadm_airflow.telling import base_url

    notice = Notice.of(
        late(cluster, after),
        dag_id=run["dag_id"],
        run_id=run["dag_run_id"],
        began=run["run_after"],
        now=datetime.now(UTC),
        airflow=base_url(),
    )
    notify = (await asyncio.to_thread(load_cluster_named, cluster)).notify
    left = [one for one in notify.channels if Kind.LATE in one.events]
    for pause in PAUSES:
        if left:
            await asyncio.sleep(pause)
            left = [channel for channel in left if not await _told(channel, notice)]


async def _told(channel: Channel, notice: Notice) -> bool:
    from kubeadm_airflow.channels import CannotTell, send_beside_triggers

    try:
        await send_beside_triggers(channel, notice)
    except CannotTell as error:
        log.error("%s is not told: %s", channel, error)
        return True
    except UpgradeError as error:
        log.warning("%s is not told yet: %s", channel, error)
        return False
    log.info("told: %s: %s", channel, notice.title)
    return True
