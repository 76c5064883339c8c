"""Where people are told, and what: a cluster's `notify`, as values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

from kubeadm_upgrade.telling.events import Kind

EVERY = frozenset(Kind)


class Way(StrEnum):
    """How a channel tells: the key that its entry in the file has."""

    LOG = "log"
    WEBHOOK = "webhook"
    EMAIL = "email"
    NOTIFIER = "notifier"


@dataclass(frozen=True)
class Channel:
    """One entry. URLs, passwords and secrets are in the Airflow connection that it names (I9)."""

    way: Way
    events: frozenset[Kind] = EVERY
    conn_id: str = ""
    to: tuple[str, ...] = ()
    sender: str = ""  # "": as the connection says
    path: str = ""  # of a notifier's class
    arguments: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        """As lists of tasks show it: no more than the file says."""
        said = {Way.EMAIL: ", ".join(self.to), Way.NOTIFIER: self.path.rpartition(".")[2], Way.WEBHOOK: self.conn_id}
        return " ".join(part for part in (str(self.way), said.get(self.way, "")) if part)


@dataclass(frozen=True)
class Notify:
    """What a cluster's file says of telling people."""

    channels: tuple[Channel, ...] = ()
    blocked_after: timedelta = timedelta(minutes=15)
    late_after: timedelta | None = None  # None: no run is late

    @property
    def names(self) -> tuple[str, ...]:
        """Each channel's own, in the order of the file: two that say the same are numbered."""
        return tuple(self._names())

    def named(self, name: str) -> Channel | None:
        """None: the file has it no more."""
        return dict(zip(self.names, self.channels, strict=True)).get(name)

    def wants(self, kind: Kind) -> bool:
        return any(kind in channel.events for channel in self.channels)

    def _names(self) -> Iterator[str]:
        seen: dict[str, int] = {}
        for channel in self.channels:
            seen[str(channel)] = number = seen.get(str(channel), 0) + 1
            yield str(channel) if number == 1 else f"{channel} ({number})"
