"""What a whole run waits for: its cluster, and its maintenance window."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from airflow.triggers.base import TaskSuccessEvent, TriggerEvent

from kubeadm_airflow.hooks.cluster_claim import claim
from kubeadm_airflow.hooks.cluster_scene import look_at_window
from kubeadm_airflow.trigger_events import POLL_SECONDS, WAITED_FOR, Said, WaitingTrigger, kind_of_wait
from kubeadm_airflow.waiting import Telling
from kubeadm_upgrade.assignment import RunId
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.inventory import load_cluster_named
from kubeadm_upgrade.waits import Wait


class ClaimTrigger(WaitingTrigger):
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
        super().__init__(waits, told)
        # not as `run`: that is what Airflow calls a trigger's work
        self.cluster = cluster
        self.claimant = run
        self.take_over = take_over
        self.give_up = give_up

    def serialize(self) -> tuple[str, dict[str, Any]]:
        kwargs = {"run": self.claimant} | {name: getattr(self, name) for name in ("cluster", "take_over", "give_up")}
        return "kubeadm_airflow.run_triggers.ClaimTrigger", kwargs | self._waited

    async def _work(self, tell: Telling) -> None:
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
            self._tell_people(self._news.of_run(self.cluster, tell.waits), tell.waits)
            await asyncio.sleep(POLL_SECONDS * 2)


class WindowTrigger(WaitingTrigger):
    """Waits until a maintenance window is open in which the run can go on, and wakes its task up: it looks again.

    Credentials that expire meanwhile, and a file that somebody has broken, have people told: nobody looks on before the
    night of the window.
    """

    def __init__(
        self,
        *,
        cluster: str,
        hop: dict[str, Any],
        run: dict[str, str],
        waits: dict[str, Any] | None = None,
        told: str = "",
    ) -> None:
        super().__init__(waits, told)
        self.cluster = cluster
        self.hop = hop
        self.holder = run

    def serialize(self) -> tuple[str, dict[str, Any]]:
        kwargs = {"run": self.holder, "cluster": self.cluster, "hop": self.hop}
        return "kubeadm_airflow.run_triggers.WindowTrigger", kwargs | self._waited

    def _end(self, event: TaskSuccessEvent) -> TriggerEvent:
        return TriggerEvent({"opened": True})

    async def _work(self, tell: Telling) -> None:
        said = Said(lambda reason: self.log.info("%s: waiting: %s", self.cluster, reason))
        hop, run = Hop.from_json(self.hop), RunId.from_json(self.holder)
        while True:
            turns = 1
            try:
                cluster = await asyncio.to_thread(load_cluster_named, self.cluster)
                self._news.notify = cluster.notify
                hold = await look_at_window(cluster, hop, run)
                if hold is None:
                    return
                kind, reason, turns = Wait.WINDOW, hold.sentence, hold.turns(datetime.now(UTC))
            except WAITED_FOR as error:
                kind, reason = kind_of_wait(error), error.what
            said(reason)
            tell.look(kind, reason)
            self._tell_people(self._news.of_run(self.cluster, tell.waits), tell.waits)
            await asyncio.sleep(POLL_SECONDS * turns)
