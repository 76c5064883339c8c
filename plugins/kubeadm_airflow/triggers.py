"""Waiting happens here: one trigger carries every step of the procedure, and one waits for a cluster.

If two of one trigger run, since a triggerer that was taken for dead was not, both perform the same step. That harms
nothing: systemd starts a unit of one name once, Nodes and the ledger are written only as they were looked at, and
evicting twice is evicting once. The first to end decides; what the other sees is a step that is done.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.triggers.base import BaseTrigger, TaskSkippedEvent, TaskSuccessEvent, TriggerEvent

from kubeadm_airflow.endings import to_event
from kubeadm_airflow.hooks.cluster_claim import claim
from kubeadm_airflow.hooks.cluster_scene import look_at_window
from kubeadm_airflow.hooks.ports import port_of
from kubeadm_airflow.news import HasNews, News
from kubeadm_airflow.operators.step import told_beside
from kubeadm_airflow.waiting import Telling, telling
from kubeadm_upgrade.assignment import Assignment, RunId
from kubeadm_upgrade.engine import Port, perform, resign
from kubeadm_upgrade.errors import (
    Conflict,
    Misdirected,
    OwnMistake,
    StepTimedOut,
    Unauthorized,
    Unreachable,
    UpgradeError,
)
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.inventory import InventoryError, load_cluster_named
from kubeadm_upgrade.procedure import STEPS
from kubeadm_upgrade.steps import Outcome, Pending, Progress
from kubeadm_upgrade.waits import A_TURN, MOST_TURNS, Wait, Waits, kind_of

log = logging.getLogger(__name__)

POLL_SECONDS = A_TURN.total_seconds()
SAY_AGAIN_SECONDS = 60.0  # a reason that changes all the time is said no more often than this
# credentials that are not accepted, another's answer, or a file that is broken: somebody sees to it, or nobody does
_PERSONS_PATIENCE = timedelta(hours=1)
_FOR_A_PERSON = (Unauthorized, Misdirected, InventoryError)
_WAITED_FOR = (Unreachable, Conflict, *_FOR_A_PERSON)


class Said:
    """What a waiting task has told its log: each change once, and at most once a minute."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._last, self._when = "", float("-inf")

    def __call__(self, reason: str) -> None:
        if reason != self._last and time.monotonic() - self._when >= SAY_AGAIN_SECONDS:
            self._last, self._when = reason, time.monotonic()
            self._say(reason)


def _kind_of(error: UpgradeError) -> Wait:
    return Wait.FILE if isinstance(error, InventoryError) else kind_of(error)


async def events(work: Awaitable[Any]) -> TriggerEvent:
    """The end of a trigger's work: success ends the task here, an error wakes it up to be raised in its own process.

    A node that is left for a later run ends it as skipped.
    """
    try:
        value = await work
        left = isinstance(value, dict) and value.get("status") == "left"
        return (TaskSkippedEvent if left else TaskSuccessEvent)(xcoms={"return_value": value})
    except HasNews as news:
        return TriggerEvent(news.event)
    except UpgradeError as error:
        return TriggerEvent(to_event(error))
    except Exception as error:
        # An exception that leaves a trigger fails its task without a word of why.
        log.exception("A mistake in the upgrade's own code")
        return TriggerEvent(to_event(OwnMistake(type(error).__name__)))


class StepTrigger(BaseTrigger):
    """Goes on with a step until it is done, and ends the task itself.

    An API or a host that does not answer is waited for: the control plane goes away while it is upgraded. So are
    credentials that have expired, which are read again from the connection at every try, and the cluster's file while
    somebody edits it. Any other error wakes the task up with the error, so that its retry policy can tell the families
    apart. `waits`: what the worker has told that it waits for. `told`: of which wait people have been told.

    Whoever is blocked for long wakes the task up as well, which tells people and leaves the waiting to another trigger:
    that one goes on with all that this one knew, and with the same patience.
    """

    def __init__(
        self,
        *,
        work: dict[str, Any],
        progress: dict[str, Any],
        began: str,
        deadline: str | None = None,
        waits: dict[str, Any] | None = None,
        told: str = "",
        for_a_person_since: str | None = None,
    ) -> None:
        super().__init__()
        self.work = work
        self.progress = progress
        self.began = began
        self.deadline = deadline
        self.waits = waits
        self.told = told
        self.for_a_person_since = for_a_person_since
        self._news = News(told)

    def serialize(self) -> tuple[str, dict[str, Any]]:
        names = ("work", "progress", "began", "deadline", "waits")
        later = ("told", "for_a_person_since")  # a release before this one does not know them
        kwargs = {name: getattr(self, name) for name in names}
        kwargs |= {name: value for name in later if (value := getattr(self, name))}
        return "kubeadm_airflow.triggers.StepTrigger", kwargs

    async def run(self) -> AsyncIterator[TriggerEvent]:
        yield await events(self._telling())

    async def _telling(self) -> dict[str, Any]:
        async with telling(self.task_instance, self.waits) as tell:
            return await self._until_done(tell)

    async def _until_done(self, tell: Telling) -> dict[str, Any]:
        work, progress = Assignment.from_json(self.work), Progress.from_json(self.progress)
        said = Said(lambda reason: self.log.info("%s: waiting: %s", work, reason))
        while True:
            try:
                outcome = await self._go_on(work, progress, said, tell)
            except _WAITED_FOR as error:
                progress = error.progress or progress
                said(error.what)
                tell.look(_kind_of(error), error.what)
                self._check_patience(work, error, tell.waits)
                self._tell_people(work, progress, tell.waits)
                await asyncio.sleep(POLL_SECONDS)
                continue
            self.log.info("%s: %s", work, outcome.status)
            return outcome.to_json() | told_beside(work, datetime.fromisoformat(self.began), tell.waits)

    async def _go_on(self, work: Assignment, progress: Progress, said: Said, tell: Telling) -> Outcome:
        """Perform over one set of connections, until the step is done or a connection breaks."""
        cluster = await asyncio.to_thread(load_cluster_named, work.cluster)
        self._news.notify = cluster.notify
        async with port_of(cluster, work, POLL_SECONDS) as port:
            while True:
                result = await perform(STEPS[work.step], work.hop, port, progress)
                if isinstance(result, Outcome):
                    return result
                self.for_a_person_since = None
                progress = result.progress
                said(result.reason)
                tell.look(*result.waits_for)
                await self._check_deadline(work, result, port, tell.waits)
                self._tell_people(work, progress, tell.waits)
                await asyncio.sleep(POLL_SECONDS * min(result.turns, MOST_TURNS))

    async def _check_deadline(self, work: Assignment, waiting: Pending, port: Port, waits: Waits) -> None:
        """What becomes of a step at its deadline is the step's own to say: it may leave a note, or go on."""
        if not self._is_late(waits):
            return
        if ending := await resign(STEPS[work.step], work.hop, port, waiting.reason):
            raise StepTimedOut(f"{work}: {ending.what}", do=ending.do)

    def _check_patience(self, work: Assignment, waiting: UpgradeError, waits: Waits | None = None) -> None:
        """Whatever a step would leave behind cannot be left behind now."""
        now = datetime.now(UTC)
        if isinstance(waiting, _FOR_A_PERSON):
            self.for_a_person_since = self.for_a_person_since or now.isoformat()
            if now - datetime.fromisoformat(self.for_a_person_since) >= _PERSONS_PATIENCE:
                raise StepTimedOut(f"{work}: patience has ended: {waiting.what}", do=waiting.do)
        if self._is_late(waits):
            raise StepTimedOut(f"{work}: patience has ended, still waiting: {waiting.what}", do=waiting.do)

    def _is_late(self, waits: Waits | None) -> bool:
        """A window that is far away is no reason to give up: the time until then is not counted."""
        now = datetime.now(UTC)
        shut = timedelta(seconds=waits.seconds_of(Wait.WINDOW, now) if waits else 0)
        return self.deadline is not None and now >= datetime.fromisoformat(self.deadline) + shut

    def _tell_people(self, work: Assignment, progress: Progress, waits: Waits) -> None:
        if event := self._news.of_step(work, waits):
            self.progress, self.waits, self.told = progress.to_json(), waits.to_json(), self._news.told
            raise HasNews(event, self.serialize()[1])


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
        return "kubeadm_airflow.triggers.ClaimTrigger", kwargs

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
            except _WAITED_FOR as error:
                kind, reason = _kind_of(error), error.what
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
        return "kubeadm_airflow.triggers.WindowTrigger", kwargs

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
            except _WAITED_FOR as error:
                kind, reason = _kind_of(error), error.what
            said(reason)
            tell.look(kind, reason)
            await asyncio.sleep(POLL_SECONDS * turns)
