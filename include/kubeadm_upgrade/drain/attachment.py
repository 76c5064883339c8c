"""Volumes that are still attached to a node: whoever needs one elsewhere gets it only when it has left here.

https://kubernetes.io/docs/reference/kubernetes-api/config-and-storage-resources/volume-attachment-v1/
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kubeadm_upgrade.drain.obstacle import Obstacle, Why, of_finalizers
from kubeadm_upgrade.reading import moment, name_of, reading

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Attachment:
    """A VolumeAttachment of a node."""

    name: str
    volume: str  # the PersistentVolume; "" for one that has none of its own
    since: datetime | None = None  # when it was told to detach
    finalizers: tuple[str, ...] = ()
    error: str = ""  # of the last try to detach it

    @property
    def obstacle(self) -> Obstacle:
        return Obstacle(Why.VOLUME, f"volume {self.volume or self.name}", "; ".join(self._told()), since=self.since)

    def _told(self) -> Iterator[str]:
        yield "still attached" if self.since is None else f"detaching since {self.since:%Y-%m-%d %H:%M:%S} UTC"
        if self.since is not None and self.finalizers:
            yield of_finalizers(self.finalizers)
        if self.error:
            yield self.error


def read_attachments(items: Iterable[Json], node: str) -> tuple[Attachment, ...]:
    """Those of this node; the API lists all."""
    return tuple(one for item in items if (one := _read(item, node)))


def of_the_evicted(attachments: Iterable[Attachment], stay: Collection[str]) -> tuple[Attachment, ...]:
    """Without the volumes of Pods that stay on the node."""
    return tuple(one for one in attachments if one.volume not in stay)


def _read(item: Json, node: str) -> Attachment | None:
    with reading(f"VolumeAttachment {name_of(item)}"):
        attached = (item.get("status") or {}).get("attached", False)  # one that never was need not go
        return _attachment(item) if attached and item["spec"]["nodeName"] == node else None


def _attachment(item: Json) -> Attachment:
    meta, status = item["metadata"], item.get("status") or {}
    return Attachment(
        name=meta["name"],
        volume=(item["spec"].get("source") or {}).get("persistentVolumeName") or "",
        since=moment(meta.get("deletionTimestamp")),
        finalizers=tuple(meta.get("finalizers") or ()),
        error=str((status.get("detachError") or {}).get("message") or ""),
    )
