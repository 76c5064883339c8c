"""Which images does a host have, and what does its kubeadm still have to pull?"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable
from typing import Any

from lab.process import Process
from lab.releases import Release

OF_CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
#: With 1.25 pause came behind CoreDNS: golden/kubeadm-config-images-pull.txt has it before.
AS_LISTED = ("kube-proxy", "coredns/coredns", "pause", "etcd")
AS_LISTED_BEFORE_25 = ("kube-proxy", "pause", "etcd", "coredns/coredns")


def of(release: Release) -> list[str]:
    """As `kubeadm config images list` has them."""
    rest = AS_LISTED_BEFORE_25 if release.minor < 25 else AS_LISTED
    return [release.image(component) for component in (*OF_CONTROL_PLANE, *rest)]


def at_first(release: Release, control_plane: bool) -> set[str]:
    """What a node that kubeadm has made of this release has pulled."""
    if control_plane:
        return set(of(release))
    return {release.image(component) for component in ("kube-proxy", "coredns/coredns", "pause")}


async def pull_before_upgrade(process: Process, wanted: Iterable[str]) -> None:
    """kubeadm pulls what is not there yet: all of it takes as long as the latency says."""
    names = list(wanted)
    for name in names:
        if name not in process.host.images:
            await asyncio.sleep(process.host.cluster.latency.image_pull / len(names))
            process.host.images.add(name)


def as_json(names: Iterable[str]) -> dict[str, Any]:
    """`crictl images -o json`, in the form that crictl has had since 1.27 (with `spec` and `pinned`)."""
    return {"images": [_as_json(name) for name in sorted(names)]}


def _as_json(name: str) -> dict[str, Any]:
    repository, _, _ = name.rpartition(":")
    digest = hashlib.sha256(name.encode()).hexdigest()
    return {
        "id": f"sha256:{digest}",
        "repoTags": [name],
        "repoDigests": [f"{repository}@sha256:{digest[::-1]}"],
        "size": "27731571",
        "uid": None,
        "username": "",
        "spec": None,
        "pinned": "/pause:" in name,
    }
