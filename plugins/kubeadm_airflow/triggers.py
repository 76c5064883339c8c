"""Waiting happens here: one trigger carries every step of the procedure.

If two of one trigger run, since a triggerer that was taken for dead was not, both perform the same step. That harms
nothing: systemd starts a unit of one name once, Nodes and the ledger are written only as they were looked at, and
evicting twice is evicting once. The first to end decides; what the other sees is a step that is done.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.triggers.base import TaskSkippedEvent, TaskSuccessEvent, TriggerEvent

from kubeadm_airflow.hooks.ports import port_of
from kubeadm_airflow.so_far import SoFar, is_first_act
from kubeadm_airflow.trigger_events import FOR_A_PERSON, POLL_SECONDS, WAITED_FOR, Said, WaitingTrigger, kind_of_wait
from kubeadm_airflow.waiting import Telling
from kubeadm_upgrade.assignment import Assignment
from kubeadm_upgrade.engine import Port, perform, resign
from kubeadm_upgrade.errors import StepTimedOut, UpgradeError
from kubeadm_upgrade.inventory import load_cluster_named
from kubeadm_upgrade.procedure import STEPS
from kubeadm_upgrade.steps import Outcome, Pending, Progress
from kubeadm_upgrade.telling.events import started
from kubeadm_upgrade.waits import MOST_TURNS, Wait, Waits

_PERSONS_PATIENCE = timedelta(hours=1)


class StepTrigger(WaitingTrigger):
    """Goes on with the steps of a task until the last is done, and ends the task itself.

    An API or a host that does not answer is waited for: the control plane goes away while it is upgraded. So are
    credentials that have expired, which are read again from the connection at every try, and the cluster's file while
    somebody edits it. Any other error wakes the task up with the error, so that its retry policy can tell the families
    apart. `done` and `earlier`: outcomes, as so_far.py has them.
    """

    def __init__(
        self,
        *,
        work: dict[str, Any],
        progress: dict[str, Any],
        began: str,
        waits: dict[str, Any] | None = None,
        done: list[dict[str, Any]] | None = None,
        earlier: list[dict[str, Any]] | None = None,
        told: str = "",
        for_a_person_since: str | None = None,
    ) -> None:
        super().__init__(waits, told)
        self.so_far = SoFar(Assignment.from_json(work), datetime.fromisoformat(began), done or (), earlier or ())
        self.progress = Progress.from_json(progress)
        self.for_a_person_since = for_a_person_since
        self._patience: timedelta | None = None  # of the step that it is at, as the cluster's file was last read

    def serialize(self) -> tuple[str, dict[str, Any]]:
        kwargs = self.so_far.to_json() | {"progress": self.progress.to_json()} | self._waited
        kwargs |= {"for_a_person_since": self.for_a_person_since} if self.for_a_person_since else {}
        return "kubeadm_airflow.triggers.StepTrigger", kwargs

    @property
    def work(self) -> Assignment:
        return self.so_far.work

    def _end(self, event: TaskSuccessEvent) -> TriggerEvent:
        left = self.so_far.done[-1]["status"] == "left"  # for a later run
        return TaskSkippedEvent(xcoms=event.xcoms) if left else event

    async def _work(self, tell: Telling) -> Any:
        if self.so_far.catch_up(tell.recalled):
            # of the step that the task was deferred in, and of no later one
            self.progress, self.for_a_person_since = Progress(), None
        tell.at(self.so_far.word)
        try:
            return await self._until_done(tell)
        except UpgradeError as error:
            error.done = self.so_far.outcomes
            raise

    async def _until_done(self, tell: Telling) -> Any:
        """Step by step."""
        while self.so_far.add(await self._until_step_done(tell), self.log.info, tell.waits):
            self.progress, self.for_a_person_since = Progress(), None
            tell.begin(self.so_far.word)
            if is_first_act(self.work):
                self._wake_up(started(self.work.cluster, self.work.hop.way, self.work.node), tell.waits)
        return self.so_far.result

    async def _until_step_done(self, tell: Telling) -> Outcome:
        said = Said(lambda reason: self.log.info("%s: waiting: %s", self.work, reason))
        while True:
            try:
                return await self._go_on(said, tell)
            except WAITED_FOR as error:
                self.progress = error.progress or self.progress
                said(error.what)
                tell.look(kind_of_wait(error), error.what)
                self._check_patience(error, tell.waits)
                self._tell_people(self._news.of_step(self.work, tell.waits), tell.waits)
                await asyncio.sleep(POLL_SECONDS)

    async def _go_on(self, said: Said, tell: Telling) -> Outcome:
        """Perform over one set of connections, until the step is done or a connection breaks."""
        work, step = self.work, STEPS[self.work.step]
        cluster = await asyncio.to_thread(load_cluster_named, work.cluster)
        self._news.notify = cluster.notify
        self._patience = cluster.patience[step.patience] if step.patience else None
        async with port_of(cluster, work, POLL_SECONDS) as port:
            while True:
                result = await perform(step, work.hop, port, self.progress)
                if isinstance(result, Outcome):
                    return result
                self.for_a_person_since = None
                self.progress = result.progress
                said(result.reason)
                tell.look(*result.waits_for)
                await self._check_deadline(result, port, tell.waits)
                self._tell_people(self._news.of_step(self.work, tell.waits), tell.waits)
                await asyncio.sleep(POLL_SECONDS * min(result.turns, MOST_TURNS))

    async def _check_deadline(self, waiting: Pending, port: Port, waits: Waits) -> None:
        """What becomes of a step at its deadline is the step's own to say: it may leave a note, or go on."""
        if not self._is_late(waits):
            return
        if ending := await resign(STEPS[self.work.step], self.work.hop, port, waiting.reason):
            raise StepTimedOut(f"{self.work}: {ending.what}", do=ending.do)

    def _check_patience(self, waiting: UpgradeError, waits: Waits | None = None) -> None:
        """Whatever a step would leave behind cannot be left behind now."""
        now = datetime.now(UTC)
        if isinstance(waiting, FOR_A_PERSON):
            self.for_a_person_since = self.for_a_person_since or now.isoformat()
            if now - datetime.fromisoformat(self.for_a_person_since) >= _PERSONS_PATIENCE:
                raise StepTimedOut(f"{self.work}: patience has ended: {waiting.what}", do=waiting.do)
        if self._is_late(waits):
            raise StepTimedOut(f"{self.work}: patience has ended, still waiting: {waiting.what}", do=waiting.do)

    def _is_late(self, waits: Waits | None) -> bool:
        """A window that is far away is no reason to give up: the time until then is not counted."""
        now = datetime.now(UTC)
        shut = timedelta(seconds=waits.seconds_of(Wait.WINDOW, now) if waits else 0)
        return self._patience is not None and now >= self.so_far.began + self._patience + shut
