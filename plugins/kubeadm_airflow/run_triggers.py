"""What a whole run waits for: its cluster, and its maintenance window."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from airflow.triggers.base import BaseTrigger, TaskSuccessEvent, TriggerEvent

from kubeadm_airflow.hooks.cluster_claim import claim
from kubeadm_airflow.hooks.cluster_scene import look_at_window
from kubeadm_airflow.news import HasNews, News
from kubeadm_airflow.trigger_events import POLL_SECONDS, WAITED_FOR, Said, events, kind_of_wait
from kubeadm_airflow.waiting import Telling, telling
from kubeadm_upgrade.assignment import RunId
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.inventory import load_cluster_named
from kubeadm_upgrade.waits import Wait


class ClaimTrigger(BaseTrigger):
    """Waits until nobody else holds the cluster, and takes it. Whoever is blocked for long has people told."""

    def __init__(
        self,
        *,
        cluster: str,
        run: dict[str, str],
        take_over: str,
        give_up: list[str],
        waits: dict[str, Any] | None = None,
        told: str = "",
    ) -> None:
        super().__init__()
        # not as `run`: that is what Airflow calls a trigger's work
        self.cluster = cluster
        self.claimant = run
        self.take_over = take_over
        self.give_up = give_up
        self.waits = waits
        self.told = told
        self._news = News(told)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        names = ("cluster", "take_over", "give_up", "waits")
        kwargs = {"run": self.claimant} | {name: getattr(self, name) for name in names}
        kwargs |= {"told": self.told} if self.told else {}
        return "kubeadm_airflow.run_triggers.ClaimTrigger", kwargs

    async def run(self) -> AsyncIterator[TriggerEvent]:
        yield await events(self._telling())

    async def _telling(self) -> None:
        async with telling(self.task_instance, self.waits) as tell:
            return await self._until_claimed(tell)

    async def _until_claimed(self, tell: Telling) -> None:
        said = Said(lambda reason: self.log.info("%s: waiting: %s", self.cluster, reason))
        run = RunId.from_json(self.claimant)
        while True:
            kind = Wait.CLUSTER
            try:
                cluster = await asyncio.to_thread(load_cluster_named, self.cluster)
                self._news.notify = cluster.notify
                reason = await claim(cluster, run, self.take_over, self.give_up)
            except WAITED_FOR as error:
                kind, reason = kind_of_wait(error), error.what
            if reason is None:
                return
            said(reason)
            tell.look(kind, reason)
            if event := self._news.of_claim(self.cluster, tell.waits):
                self.waits, self.told = tell.waits.to_json(), self._news.told
                raise HasNews(event, self.serialize()[1])
            await asyncio.sleep(POLL_SECONDS * 2)


class WindowTrigger(BaseTrigger):
    """Waits until a maintenance window is open in which the run can go on, and wakes its task up: it looks again."""

    def __init__(
        self, *, cluster: str, hop: dict[str, Any], run: dict[str, str], waits: dict[str, Any] | None = None
    ) -> None:
        super().__init__()
        self.cluster = cluster
        self.hop = hop
        self.holder = run
        self.waits = waits

    def serialize(self) -> tuple[str, dict[str, Any]]:
        kwargs = {"run": self.holder} | {name: getattr(self, name) for name in ("cluster", "hop", "waits")}
        return "kubeadm_airflow.run_triggers.WindowTrigger", kwargs

    async def run(self) -> AsyncIterator[TriggerEvent]:
        event = await events(self._telling())
        yield TriggerEvent({"opened": True}) if isinstance(event, TaskSuccessEvent) else event

    async def _telling(self) -> None:
        async with telling(self.task_instance, self.waits) as tell:
            return await self._until_open(tell)

    async def _until_open(self, tell: Telling) -> None:
        said = Said(lambda reason: self.log.info("%s: waiting: %s", self.cluster, reason))
        hop, run = Hop.from_json(self.hop), RunId.from_json(self.holder)
        while True:
            turns = 1
            try:
                cluster = await asyncio.to_thread(load_cluster_named, self.cluster)
                hold = await look_at_window(cluster, hop, run)
                if hold is None:
                    return
                kind, reason, turns = Wait.WINDOW, hold.sentence, hold.turns(datetime.now(UTC))
            except WAITED_FOR as error:
                kind, reason = kind_of_wait(error), error.what
            said(reason)
            tell.look(kind, reason)
            await asyncio.sleep(POLL_SECONDS * turns)
