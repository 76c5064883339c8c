"""crictl: exec into etcd, pulls and lists of images."""

from __future__ import annotations

import asyncio
import json

from lab import images
from lab.commands import etcd
from lab.commands.kubeadm_cluster import number
from lab.process import Process
from lab.releases import is_published


async def crictl(process: Process) -> int:
    """``crictl ps``, ``crictl exec ID etcdctl …`` with the ID that ps prints, ``crictl pull IMAGE`` and ``images``."""
    if not process.root:
        return process.refuse("crictl: permission denied while connecting to the container runtime", 1)
    arguments = list(process.arguments)
    node = process.host.name
    if "exec" in arguments and process.host.control_plane:
        inner = arguments[arguments.index("exec") + 1 :]
        while inner and inner[0].startswith("-"):
            inner.pop(0)
        return await etcd.run(process, node, [word for word in inner[1:] if word != "--"])
    if "ps" in arguments and process.host.control_plane:
        process.print(f"{number(node, 'etcd'):012x}")
        return 0
    if "pull" in arguments:
        return await _pull(process, arguments[-1])
    if arguments == ["images", "-o", "json"]:
        process.print(json.dumps(images.as_json(process.host.images), indent=2))
        return 0
    if "--version" in arguments or "version" in arguments:
        process.print("crictl version v1.28.0")
        return 0
    return process.refuse("crictl: the lab knows `ps`, `exec`, `pull`, `images -o json` and `version` only", 1)


async def _pull(process: Process, image: str) -> int:
    if image not in process.host.images:
        await asyncio.sleep(process.host.cluster.latency.image_pull / 7)
    if not is_published(image):
        reason = f'failed to pull and unpack image "{image}": failed to resolve reference "{image}": {image}: not found'
        return process.refuse(f"FATA[0001] pulling image: rpc error: code = NotFound desc = {reason}", 1)
    process.host.images.add(image)
    process.print(f"Image is up to date for {image}")
    return 0
