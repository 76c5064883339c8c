"""What is told of an upgrade: nine kinds of event, each with what has happened and what somebody may do about it.

An event knows its cluster, and not its run: that is added where it is told (notice.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

Json = Mapping[str, Any]


class Kind(StrEnum):
    """As `events` of a channel names them."""

    PLAN_READY = "plan_ready"
    APPROVAL_WANTED = "approval_wanted"
    STARTED = "started"
    BLOCKED = "blocked"
    WINDOW_CLOSED = "window_closed"
    TASK_FAILED = "task_failed"
    FAILED = "failed"
    FINISHED = "finished"
    LATE = "late"


class Severity(StrEnum):
    """As PagerDuty has them, but for its worst."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


SEVERITY: Mapping[Kind, Severity] = {
    Kind.PLAN_READY: Severity.INFO,
    Kind.APPROVAL_WANTED: Severity.WARNING,
    Kind.STARTED: Severity.INFO,
    Kind.BLOCKED: Severity.WARNING,
    Kind.WINDOW_CLOSED: Severity.WARNING,
    Kind.TASK_FAILED: Severity.ERROR,
    Kind.FAILED: Severity.ERROR,
    Kind.FINISHED: Severity.INFO,
    Kind.LATE: Severity.WARNING,
}


@dataclass(frozen=True)
class Event:
    """One thing to tell. Two of one kind, node and key, in one run, are one: that is told once.

    Of a failure the node does not count: whichever fails so first tells it for all that do.

    `text` is a sentence without a full stop, `more` is Markdown, `do` is an order, as of errors.UpgradeError.
    """

    kind: Kind
    cluster: str
    text: str
    more: str = ""
    do: str = ""
    node: str = ""
    key: str = ""

    @property
    def severity(self) -> Severity:
        return SEVERITY[self.kind]

    @property
    def which(self) -> tuple[str, str, str]:
        """What tells it from others of its run."""
        return str(self.kind), "" if self.kind is Kind.TASK_FAILED else self.node, self.key

    def to_json(self) -> dict[str, str]:
        return {name: str(value) for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, plain: Json) -> Event:
        """Raises ValueError, KeyError or TypeError for what is none."""
        return cls(**{**plain, "kind": Kind(plain["kind"])})


def plan_ready(cluster: str, summary: str, page: str, key: str) -> Event:
    """`key`: the plan's hash. Another plan of the same run is told anew."""
    return Event(Kind.PLAN_READY, cluster, f"the plan is ready: {summary}", page, key=key)


def approval_wanted(
    cluster: str, asked: str, body: str, key: str, do: str = "approve or refuse it in Airflow"
) -> Event:
    """`asked`: what is to be approved, in a line; `body`: the Markdown that is shown; `key`: the hash of its terms."""
    return Event(Kind.APPROVAL_WANTED, cluster, f"approval is wanted: {asked}", body, do, key=key)


def started(cluster: str, way: str, node: str) -> Event:
    """From here on nodes are changed."""
    return Event(Kind.STARTED, cluster, f"the upgrade has started: {way}, first with {node}", node=node)


def late(cluster: str, after: str, key: str = "") -> Event:
    """`after`: how long a run may take, in words."""
    text = f"the run has not ended after {after}"
    return Event(Kind.LATE, cluster, text, do="see its board for what it waits for", key=key)
