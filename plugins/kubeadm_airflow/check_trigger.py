"""Looks from the triggerer, with the files and the connections that it has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from kubeadm_airflow.endings import to_event
from kubeadm_airflow.hooks.access_look import look_at_access
from kubeadm_airflow.operators.check import LINES
from kubeadm_upgrade.errors import UpgradeError
from kubeadm_upgrade.inventory import load_cluster_named


class CheckTrigger(BaseTrigger):
    """One look at everything; judging it is the task's."""

    def __init__(self, *, cluster: str) -> None:
        super().__init__()
        self.cluster = cluster

    def serialize(self) -> tuple[str, dict[str, Any]]:
        return "kubeadm_airflow.check_trigger.CheckTrigger", {"cluster": self.cluster}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        yield TriggerEvent(await self._looked())

    async def _looked(self) -> dict[str, Any]:
        try:
            cluster = await asyncio.to_thread(load_cluster_named, self.cluster)
            return {LINES: [line.to_json() for line in await look_at_access(cluster, cluster.target_version)]}
        except UpgradeError as error:
            return to_event(error)
