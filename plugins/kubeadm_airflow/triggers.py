"""Waiting happens here: one trigger carries every step of the procedure."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from airflow.triggers.base import BaseTrigger, TaskSuccessEvent, TriggerEvent

from kubeadm_airflow.hooks.node_port import NodePort
from kubeadm_upgrade.errors import Conflict, StepRefused, StepTimedOut, Unreachable, UpgradeError
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.inventory import load_cluster_named
from kubeadm_upgrade.procedure import STEPS
from kubeadm_upgrade.steps import Outcome, Pending, perform

POLL_SECONDS = 2.0
MOST_TURNS = 15  # nobody looks less often than every 15 polls, however many come first


class StepTrigger(BaseTrigger):
    """Goes on with a step until it is done, and ends the task itself.

    An API or a host that does not answer is waited for: the control plane goes away while it is upgraded. Any
    other error wakes the task up with the error, so that its retry policy can tell the families apart.
    """

    def __init__(
        self,
        *,
        cluster: str,
        group: str,
        step: str,
        node: str,
        hop: dict[str, Any],
        told: list[str],
        deadline: str | None,
    ) -> None:
        super().__init__()
        self.cluster = cluster
        self.group = group
        self.step = step
        self.node = node
        self.hop = hop
        self.told = told
        self.deadline = deadline

    def serialize(self) -> tuple[str, dict[str, Any]]:
        names = ("cluster", "group", "step", "node", "hop", "told", "deadline")
        return "kubeadm_airflow.triggers.StepTrigger", {name: getattr(self, name) for name in names}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        try:
            outcome = await self._until_done()
            yield TaskSuccessEvent(xcoms={"return_value": outcome.to_json()})
        except UpgradeError as error:
            yield TriggerEvent({"error": type(error).__name__, "message": str(error)})
        except Exception:
            # An exception that leaves a trigger fails its task without a word of why.
            yield TriggerEvent({"error": "UpgradeError", "message": traceback.format_exc()})

    async def _until_done(self) -> Outcome:
        reason = ""
        while True:
            try:
                return await self._go_on(reason)
            except (Unreachable, Conflict) as error:
                self.told = list(error.told)
                reason = self._say(str(error), reason)
                self._check_patience(reason)
            await asyncio.sleep(POLL_SECONDS)

    async def _go_on(self, reason: str) -> Outcome:
        """Perform over one set of connections, until the step is done or a connection breaks."""
        cluster = await asyncio.to_thread(load_cluster_named, self.cluster)
        hop, step = Hop.from_json(self.hop), STEPS[self.step]
        if hop.dry_run:
            raise StepRefused(f"{self.node}: {self.step}: a dry run has nothing to wait for")
        async with NodePort.open(cluster, hop, self.group, self.node) as port:
            while True:
                result = await perform(step, hop, lambda: port.look(step), port.act, tuple(self.told))
                self.told = list(result.actions)
                if isinstance(result, Outcome):
                    self.log.info("%s: %s: %s", self.node, self.step, result.status)
                    return result
                reason = self._wait(result, reason)
                await asyncio.sleep(POLL_SECONDS * min(result.turns, MOST_TURNS))

    def _wait(self, pending: Pending, reason: str) -> str:
        reason = self._say(pending.reason, reason)
        self._check_patience(reason)
        return reason

    def _say(self, reason: str, before: str) -> str:
        if reason != before:
            self.log.info("%s: %s: waiting: %s", self.node, self.step, reason)
        return reason

    def _check_patience(self, reason: str) -> None:
        if self.deadline is not None and datetime.now(UTC) >= datetime.fromisoformat(self.deadline):
            raise StepTimedOut(f"{self.node}: {self.step}: patience has ended, still waiting: {reason}")
