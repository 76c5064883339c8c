"""What a drain must know of a Pod."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True)
class PodFacts:
    """A Pod on a node, with what its owner says of it."""

    namespace: str
    name: str
    uid: str
    owner_kind: str | None = None  # kind of the controller that would recreate it
    mirror: bool = False
    finished: bool = False
    empty_dir: bool = False
    terminating: bool = False
    terminating_since: datetime | None = None
    due: datetime | None = None  # when it is to be gone: the end of its grace period
    finalizers: tuple[str, ...] = ()  # whoever must let go of it before it is
    ready: bool = True
    ready_changed: datetime | None = None
    undeterred: bool = False  # came to a node that was cordoned already: one more eviction brings one more
    owner_name: str = ""
    owner_uid: str = ""
    owner_is_gone: bool = False  # a DaemonSet that is: nobody recreates the Pod, nor takes it away
    labels: Mapping[str, str] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)  # its own annotations that are meant for a drain
    owner_notes: Mapping[str, str] = field(default_factory=dict)  # and those of its owner
    restarts: bool = False  # its containers are started again whenever they end: it never completes
    claims: tuple[str, ...] = ()  # PersistentVolumeClaims that it mounts

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"
