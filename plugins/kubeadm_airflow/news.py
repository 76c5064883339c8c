"""What a trigger has to tell people: it ends for that, and the task that it wakes up tells it and waits on.

A triggerer has no way to start a run. What it costs, a task of some seconds, is why few have news: who is blocked for
long, once, and of many that wait for the same thing only some.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Hashable, Mapping
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import Context

from kubeadm_airflow.telling import tell
from kubeadm_upgrade.assignment import Assignment
from kubeadm_upgrade.telling import blocked
from kubeadm_upgrade.telling.channels import Notify
from kubeadm_upgrade.telling.events import Event, Kind
from kubeadm_upgrade.waits import Waits

TELL, TRIGGER = "tell", "trigger"  # of the event: what is told, and what the trigger after it begins with

_HOUR = 3600.0


class HasNews(Exception):
    """Ends a trigger's work, which is not done."""

    def __init__(self, told: Event, trigger: dict[str, Any]) -> None:
        super().__init__(told.text)
        self.event = {TELL: told.to_json(), TRIGGER: trigger}


def pass_on(context: Context, event: Mapping[str, Any]) -> dict[str, Any]:
    """In the task that was woken up: people are told. Returns what the trigger begins with that waits on.

    That done, the waiting goes on where it was, whatever dies in between.
    """
    tell(context, Event.from_json(event[TELL]))
    trigger: dict[str, Any] = event[TRIGGER]
    return trigger


class Quota:
    """So many of one thing within an hour, for all triggers of a process."""

    def __init__(self) -> None:
        self._taken: dict[Hashable, deque[float]] = {}

    def take(self, what: Hashable, most: int) -> bool:
        now = time.monotonic()
        self._taken = {other: when for other, when in self._taken.items() if now - when[-1] < _HOUR}
        taken = self._taken.get(what, deque())
        while taken and now - taken[0] >= _HOUR:
            taken.popleft()
        if len(taken) >= most:
            return False
        taken.append(now)
        self._taken[what] = taken
        return True


_quota = Quota()


class News:
    """Of one waiting task. `told`: of which wait people have been told. `notify`: as the cluster's file says it now."""

    def __init__(self, told: str) -> None:
        self.told = told
        self.notify = Notify()

    def of_step(self, work: Assignment, waits: Waits) -> Event | None:
        """What to tell, once for each wait."""
        now = datetime.now(UTC)
        if blocked.is_of_a_window(waits):
            return blocked.window_closed(work, waits) if self._closed(work, waits) else None
        if not self._is_new(waits, now) or not _quota.take(*blocked.share(work, waits)):
            return None
        return blocked.blocked(work, waits, now)

    def of_run(self, cluster: str, waits: Waits) -> Event | None:
        """The same, of a run that cannot begin, or not go on to its first node."""
        now = datetime.now(UTC)
        return blocked.run_blocked(cluster, waits, now) if self._is_new(waits, now) else None

    def _closed(self, work: Assignment, waits: Waits) -> bool:
        """Nothing of this run was admitted before its first node, and no window has closed on that."""
        first = work.group == work.hop.first_group and work.node == work.hop.nodes_of(work.group)[0]
        if first or self.told == blocked.mark(waits) or not self.notify.wants(Kind.WINDOW_CLOSED):
            return False
        self.told = blocked.mark(waits)
        return _quota.take(*blocked.share(work, waits))

    def _is_new(self, waits: Waits, now: datetime) -> bool:
        mark = blocked.mark(waits)
        if mark == self.told or not self.notify.wants(Kind.BLOCKED):
            return False
        if not blocked.is_blocked(waits, now, self.notify.blocked_after):
            return False
        self.told = mark
        return True
