"""What all triggers of ours have in common: how they end, what they say meanwhile, and which errors they wait for."""

from __future__ import annotations

import logging
import time
from abc import abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NoReturn

from airflow.triggers.base import BaseTrigger, TaskSuccessEvent, TriggerEvent

from kubeadm_airflow.endings import to_event
from kubeadm_airflow.news import HasNews, News
from kubeadm_airflow.waiting import Telling, telling
from kubeadm_upgrade.errors import Conflict, Misdirected, OwnMistake, Unauthorized, Unreachable, UpgradeError
from kubeadm_upgrade.inventory import InventoryError
from kubeadm_upgrade.telling.events import Event
from kubeadm_upgrade.waits import A_TURN, Wait, Waits, kind_of

log = logging.getLogger(__name__)

POLL_SECONDS = A_TURN.total_seconds()
SAY_AGAIN_SECONDS = 60.0  # a reason that changes all the time is said no more often than this
# credentials that are not accepted, another's answer, or a file that is broken: somebody sees to it, or nobody does
FOR_A_PERSON = (Unauthorized, Misdirected, InventoryError)
WAITED_FOR = (Unreachable, Conflict, *FOR_A_PERSON)


class Said:
    """What a waiting task has told its log: each change once, and at most once a minute."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._last, self._when = "", float("-inf")

    def __call__(self, reason: str) -> None:
        if reason != self._last and time.monotonic() - self._when >= SAY_AGAIN_SECONDS:
            self._last, self._when = reason, time.monotonic()
            self._say(reason)


def kind_of_wait(error: UpgradeError) -> Wait:
    return Wait.FILE if isinstance(error, InventoryError) else kind_of(error)


async def events(work: Awaitable[Any]) -> TriggerEvent:
    """The end of a trigger's work: success ends the task here, an error wakes it up to be raised in its own process."""
    try:
        return TaskSuccessEvent(xcoms={"return_value": await work})
    except HasNews as news:
        return TriggerEvent(news.event)
    except UpgradeError as error:
        return TriggerEvent(to_event(error))
    except Exception as error:
        # An exception that leaves a trigger fails its task without a word of why.
        log.exception("A mistake in the upgrade's own code")
        return TriggerEvent(to_event(OwnMistake(type(error).__name__)))


class WaitingTrigger(BaseTrigger):
    """Ends its task itself, or wakes it up: with an error, or with what people are to be told.

    `waits`: what the worker has told that it waits for. `told`: of which wait people have been told. The trigger that
    goes on after people were told knows all that this one did.
    """

    def __init__(self, waits: dict[str, Any] | None, told: str) -> None:
        super().__init__()
        self.waits = waits
        self.told = told
        self._news = News(told)

    @abstractmethod
    async def _work(self, tell: Telling) -> Any:
        """What the task returns; or an error."""

    def _end(self, event: TaskSuccessEvent) -> TriggerEvent:
        """How it ends once its work is done: the task's end as well, unless a trigger says otherwise."""
        return event

    @property
    def _waited(self) -> dict[str, Any]:
        """Of what it is made anew from, what all of them have."""
        return {"waits": self.waits} | ({"told": self.told} if self.told else {})

    async def run(self) -> AsyncIterator[TriggerEvent]:
        event = await events(self._telling())
        yield self._end(event) if isinstance(event, TaskSuccessEvent) else event

    async def _telling(self) -> Any:
        async with telling(self.task_instance, self.waits) as tell:
            return await self._work(tell)

    def _tell_people(self, event: Event | None, waits: Waits) -> None:
        if event is not None:
            self._wake_up(event, waits)

    def _wake_up(self, event: Event, waits: Waits) -> NoReturn:
        self.waits, self.told = waits.to_json(), self._news.told
        raise HasNews(event, self.serialize()[1])
