"""What a waiting task waits for, told to Airflow while it waits: the XCom `waiting`, for boards, which poll no cluster.

The worker says it when it leaves the waiting to a trigger, and from then on the trigger says what changes. That costs
Airflow a write, and five hundred may wait at once. So who waits for its turn says that and nothing more, however often
the turn changes; a change is said at most every three seconds; and all triggers of a triggerer share one queue, which
takes a tenth of the time of the process that writes for them. Where many have something to say, each says it later,
and only its newest.

Nobody waits for a word to arrive, and one that is lost is said again. A trigger goes on with what was told last, also
by one before it in another triggerer: so no restart begins a wait anew. A task that begins anew finds nothing, since
Airflow then deletes what it had pushed.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from kubeadm_airflow.only_for_pages import only_for_pages
from kubeadm_upgrade.steps import Pending
from kubeadm_upgrade.waits import Wait, Waits

log = logging.getLogger(__name__)

WAITING = "waiting"  # the XCom
SAY_AGAIN_SECONDS = 3.0
TRY_AGAIN_SECONDS = 3.0  # after a word was lost
_IDLE_FOR_EACH_BUSY = 9.0
_GIVE_UP_SECONDS = 30.0
_RECALL_SECONDS = 5.0

Json = Mapping[str, Any]


class Waiter(NamedTuple):
    """A task instance that waits."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int

    @classmethod
    def of(cls, ti: Any) -> Waiter:
        return cls(ti.dag_id, ti.run_id, ti.task_id, -1 if ti.map_index is None else ti.map_index)


Push = Callable[[Waiter, Json], Awaitable[None]]


async def say(ti: Any, waits: Waits, so_far: Json | None = None) -> None:
    """From a worker, right before it leaves the waiting to a trigger. The task is not there to tell of it.

    `so_far`: which of its steps it is at, and what became of those before.
    """
    with only_for_pages("what is waited for"):
        await ti.axcom_push(key=WAITING, value={**waits.to_json(), **(so_far or {})})


class Queue:
    """What the triggers of one event loop have to say: one after the other, and of each task only the newest."""

    def __init__(self, push: Push) -> None:
        self._push = push
        self._words: OrderedDict[Waiter, Json] = OrderedDict()
        self._waiting: set[Waiter] = set()
        self._at_work: asyncio.Task[None] | None = None

    def put(self, waiter: Waiter, words: Json) -> None:
        """Returns at once. Who is in the queue already keeps its place."""
        self._words[waiter] = words
        self._waiting.add(waiter)
        if self._at_work is None or self._at_work.done():
            self._at_work = asyncio.create_task(self._work())

    def forget(self, waiter: Waiter) -> None:
        """Of a task that waits no longer."""
        self._words.pop(waiter, None)
        self._waiting.discard(waiter)

    async def _work(self) -> None:
        while self._words:
            waiter, words = self._words.popitem(last=False)
            began, least = time.monotonic(), 0.0
            try:
                await asyncio.wait_for(self._push(waiter, words), _GIVE_UP_SECONDS)
            except Exception as error:
                log.debug("what %s waits for could not be told: %s", waiter, type(error).__name__)
                least = TRY_AGAIN_SECONDS
                if waiter in self._waiting:
                    self._words.setdefault(waiter, words)
            await asyncio.sleep(max(least, (time.monotonic() - began) * _IDLE_FOR_EACH_BUSY))


class Telling:
    """One waiting task: what it waits for now, how long for what before, and what of it has been told."""

    def __init__(self, waits: Waits, tell: Callable[[Json], None], recalled: Json | None = None) -> None:
        self.waits = waits
        self.recalled = recalled or {}  # the last word of the worker, or of a trigger before this one
        self._so_far: Json = {}
        self._tell = tell
        self._told = recalled if waits == Waits.from_json(recalled) else None
        self._when = float("-inf")

    def at(self, so_far: Json) -> None:
        """The step that it is at, from now on."""
        self._so_far = so_far

    def begin(self, so_far: Json) -> None:
        """With another step: what the one before has waited for is no wait of this one."""
        self.at(so_far)
        self.waits = Waits(Wait.EFFECT, "", datetime.now(UTC))

    def look(self, kind: Wait, reason: str) -> None:
        """After another look at what is waited for."""
        self.waits = self.waits.then(kind, reason, datetime.now(UTC))
        words, now = {**self.waits.to_json(), **self._so_far}, time.monotonic()
        if words != self._told and now - self._when >= SAY_AGAIN_SECONDS:
            self._told, self._when = words, now
            self._tell(words)


def first_wait(pending: Pending) -> Waits:
    """What a worker's one look has found."""
    return Waits(*pending.waits_for, datetime.now(UTC))


@asynccontextmanager
async def telling(ti: Any, began_with: Json | None) -> AsyncIterator[Telling]:
    """For a trigger, as long as it waits; `began_with` is what the worker has told; another release has not.

    One that runs for no task, as in a test of its own, has nobody to tell.
    """
    waiter, queue = Waiter.of(ti) if ti is not None else None, _queue()
    recalled, given = await _recalled(waiter) if waiter else None, Waits.from_json(began_with)
    waits = _newer(Waits.from_json(recalled), given) or Waits(Wait.EFFECT, "", datetime.now(UTC))
    telling = Telling(waits, lambda words: queue.put(waiter, words) if waiter else None, recalled)
    try:
        yield telling
    finally:
        if waiter:
            queue.forget(waiter)


def _newer(told: Waits | None, given: Waits | None) -> Waits | None:
    """A trigger that follows one which had something to tell people is given more than was told here."""
    found = [waits for waits in (told, given) if waits is not None]
    return max(found, key=lambda waits: (waits.since, waits.reason_since or waits.since), default=None)


async def _recalled(waiter: Waiter) -> Json | None:
    """What Airflow keeps of it: the worker's word, or that of a trigger before this one."""
    try:
        word = await asyncio.wait_for(_pull(waiter), _RECALL_SECONDS)
        return word if isinstance(word, Mapping) else None
    except Exception as error:
        log.debug("what %s has told that it waits for is not known: %s", waiter, type(error).__name__)
        return None


_queues: WeakKeyDictionary[asyncio.AbstractEventLoop, Queue] = WeakKeyDictionary()


def _queue() -> Queue:
    return _queues.setdefault(asyncio.get_running_loop(), Queue(_push))


async def _pull(waiter: Waiter) -> Any:
    from airflow.sdk.execution_time.xcom import XCom

    return await XCom.aget_one(key=WAITING, **waiter._asdict())


async def _push(waiter: Waiter, words: Json) -> None:
    """The triggerer's own way to the database: an XCom of the task that has deferred to this trigger."""
    from airflow.sdk.execution_time.xcom import XCom

    await XCom.aset(key=WAITING, value=dict(words), **waiter._asdict())
