"""The objects of one cluster, their resource versions, and who watches them."""

from __future__ import annotations

import asyncio
import copy
import uuid
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from lab import statuses
from lab.kinds import BY_KIND, Resource
from lab.timestamps import rfc3339

Item = dict[str, Any]
_REMEMBERED_EVENTS = 20_000


@dataclass(frozen=True)
class Event:
    """One change. ``previous`` lets a watch with a selector see objects leave it."""

    version: int
    type: str
    resource: Resource
    item: Item
    previous: Item | None


class Store:
    """Everything in it is owned by the store: give and take copies."""

    def __init__(self) -> None:
        self.version = 1
        self.items: dict[tuple[str, str, str], Item] = {}
        self.history: deque[Event] = deque(maxlen=_REMEMBERED_EVENTS)
        self.watchers: set[asyncio.Queue[Event]] = set()
        self.listeners: list[Callable[[Event], None]] = []

    def find(self, kind: str, namespace: str | None, name: str) -> Item | None:
        """The stored object itself, for reading only."""
        return self.items.get(_key(BY_KIND[kind], namespace, name))

    def get(self, resource: Resource, namespace: str | None, name: str) -> Item:
        item = self.items.get(_key(resource, namespace, name))
        if item is None:
            raise statuses.not_found(resource, name)
        return copy.deepcopy(item)

    def each(self, kind: str, namespace: str | None = None) -> Iterator[Item]:
        """The stored objects themselves, for reading only, sorted as the real API sorts them."""
        for key in sorted(k for k in self.items if k[0] == kind):
            if namespace in (None, key[1]):
                yield self.items[key]

    def create(self, item: Item) -> Item:
        resource, item = BY_KIND[item["kind"]], copy.deepcopy(item)
        metadata = item.setdefault("metadata", {})
        if "name" not in metadata:
            metadata["name"] = metadata.get("generateName", "") + uuid.uuid4().hex[:5]
        key = _key(resource, metadata.get("namespace"), metadata["name"])
        if key in self.items:
            raise statuses.already_exists(resource, metadata["name"])
        metadata.setdefault("creationTimestamp", rfc3339())
        metadata["uid"] = str(uuid.uuid4())
        if resource.status:
            metadata.setdefault("generation", 1)
        return self._save("ADDED", resource, key, item, None)

    def replace(self, item: Item) -> Item:
        """Update; a resourceVersion in ``item`` must be the current one."""
        resource, item = BY_KIND[item["kind"]], copy.deepcopy(item)
        metadata = item["metadata"]
        key = _key(resource, metadata.get("namespace"), metadata["name"])
        old = self.items.get(key)
        if old is None:
            raise statuses.not_found(resource, metadata["name"])
        if metadata.get("resourceVersion", old["metadata"]["resourceVersion"]) != old["metadata"]["resourceVersion"]:
            raise statuses.conflict(resource, metadata["name"])
        for kept in ("uid", "creationTimestamp"):
            metadata[kept] = old["metadata"][kept]
        metadata["resourceVersion"] = old["metadata"]["resourceVersion"]
        if item == old:
            return copy.deepcopy(old)
        if resource.status and item.get("spec") != old.get("spec") and "generation" in old["metadata"]:
            metadata["generation"] = old["metadata"]["generation"] + 1
        return self._save("MODIFIED", resource, key, item, old)

    def change(self, kind: str, namespace: str | None, name: str, edit: Callable[[Item], None]) -> Item | None:
        """Edit the current object in place, whatever its version; None if it is gone."""
        current = self.find(kind, namespace, name)
        if current is None:
            return None
        item = copy.deepcopy(current)
        edit(item)
        return self.replace(item)

    def put(self, item: Item) -> Item:
        """Create, or update what is there."""
        metadata = item["metadata"]
        if self.find(item["kind"], metadata.get("namespace"), metadata["name"]) is None:
            return self.create(item)
        bare = copy.deepcopy(item)
        bare["metadata"].pop("resourceVersion", None)
        return self.replace(bare)

    def remove(self, kind: str, namespace: str | None, name: str) -> Item | None:
        resource = BY_KIND[kind]
        old = self.items.pop(_key(resource, namespace, name), None)
        if old is None:
            return None
        self.version += 1
        gone = copy.deepcopy(old)
        gone["metadata"]["resourceVersion"] = str(self.version)
        self._tell(Event(self.version, "DELETED", resource, gone, old))
        return gone

    def since(self, version: int) -> list[Event]:
        """Events after ``version``; Expired if some of them are forgotten."""
        if self.history and version + 1 < self.history[0].version and len(self.history) == _REMEMBERED_EVENTS:
            raise statuses.expired(version, self.history[0].version)
        return [event for event in self.history if event.version > version]

    def _save(self, kind: str, resource: Resource, key: tuple[str, str, str], item: Item, old: Item | None) -> Item:
        self.version += 1
        item["metadata"]["resourceVersion"] = str(self.version)
        self.items[key] = item
        self._tell(Event(self.version, kind, resource, item, old))
        return copy.deepcopy(item)

    def _tell(self, event: Event) -> None:
        self.history.append(event)
        for queue in self.watchers:
            queue.put_nowait(event)
        for listener in self.listeners:
            listener(event)


def _key(resource: Resource, namespace: str | None, name: str) -> tuple[str, str, str]:
    return (resource.kind, (namespace or "default") if resource.namespaced else "", name)
