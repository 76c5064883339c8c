"""A stream of changes, from a resource version on."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

from lab import api_tables
from lab.kinds import Resource
from lab.query import is_true
from lab.selectors import matches_fields, matches_labels
from lab.statuses import ApiError
from lab.store import Event, Item

if TYPE_CHECKING:
    from lab.cluster import SimulatedCluster

_BOOKMARK_EVERY = 5.0


async def stream(
    cluster: SimulatedCluster, request: web.Request, resource: Resource, namespace: str | None
) -> web.StreamResponse:
    watch = _Watch(cluster, request, resource, namespace)
    return await watch.run()


class _Watch:
    """One client that watches one resource."""

    def __init__(
        self, cluster: SimulatedCluster, request: web.Request, resource: Resource, namespace: str | None
    ) -> None:
        self.cluster, self.request, self.resource, self.namespace = cluster, request, resource, namespace
        self.label = request.query.get("labelSelector", "")
        self.field = request.query.get("fieldSelector", "")
        self.table = api_tables.wanted(request)
        self.response = web.StreamResponse(headers={"Content-Type": "application/json"})

    async def run(self) -> web.StreamResponse:
        queue: asyncio.Queue[Event] = asyncio.Queue()
        await self.response.prepare(self.request)
        try:
            await self._begin(queue)
            await self._follow(queue)
        except ApiError as error:
            await self._send("ERROR", error.body)
        except (ConnectionError, RuntimeError):
            pass
        finally:
            self.cluster.store.watchers.discard(queue)
        return self.response

    async def _begin(self, queue: asyncio.Queue[Event]) -> None:
        """Catch up from the asked version, or tell what is there now; what changes meanwhile is queued."""
        version = self.request.query.get("resourceVersion", "")
        initial = is_true(self.request.query.get("sendInitialEvents"))
        if version in ("", "0") or initial:
            present = list(self.cluster.store.each(self.resource.kind, self.namespace))
            self.cluster.store.watchers.add(queue)
            for item in present:
                if self._matches(item):
                    await self._send("ADDED", item)
        else:
            missed = self.cluster.store.since(int(version))
            self.cluster.store.watchers.add(queue)
            for event in missed:
                await self._tell(event)
        if initial:
            await self._bookmark({"k8s.io/initial-events-end": "true"})

    async def _follow(self, queue: asyncio.Queue[Event]) -> None:
        loop = asyncio.get_running_loop()
        seconds = float(self.request.query.get("timeoutSeconds") or 3600)
        end = loop.time() + seconds
        bookmarks = is_true(self.request.query.get("allowWatchBookmarks"))
        while (left := end - loop.time()) > 0:
            try:
                event = await asyncio.wait_for(queue.get(), min(left, _BOOKMARK_EVERY))
            except TimeoutError:
                if bookmarks:
                    await self._bookmark({})
                continue
            await self._tell(event)

    async def _tell(self, event: Event) -> None:
        if event.resource is not self.resource:
            return
        if self.namespace not in (None, event.item["metadata"].get("namespace")):
            return
        before = event.previous is not None and self._matches(event.previous)
        after = event.type != "DELETED" and self._matches(event.item)
        if after:
            await self._send("MODIFIED" if before else "ADDED", event.item)
        elif before:
            await self._send("DELETED", event.item)

    def _matches(self, item: Item) -> bool:
        return matches_labels(self.label, item["metadata"].get("labels") or {}) and matches_fields(self.field, item)

    async def _bookmark(self, annotations: dict[str, str]) -> None:
        metadata: dict[str, Any] = {"resourceVersion": str(self.cluster.store.version)}
        metadata |= {"annotations": annotations} if annotations else {}
        kind = {"kind": self.resource.kind, "apiVersion": self.resource.group_version}
        await self._send("BOOKMARK", kind | {"metadata": metadata})

    async def _send(self, kind: str, item: Item) -> None:
        if self.table and kind in ("ADDED", "MODIFIED", "DELETED"):
            item = api_tables.table(self.resource, item)
        await self.response.write(json.dumps({"type": kind, "object": item}).encode() + b"\n")
