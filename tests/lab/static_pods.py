"""A kubelet of another minor makes the static Pods of its node anew.

After golden/kubelet-restart-control-plane-1.33-to-1.34-timeline.txt: the Node has been Ready at the new version for a
second when every static Pod is taken down; 18 s after the restart the new ones are Ready.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.control_plane import ControlPlane


async def make_anew(plane: ControlPlane, node: str, alive: Callable[[], bool]) -> None:
    """Ends early, with what is down left down, once the kubelet that does it is no longer ``alive``."""
    latency = plane.cluster.latency
    steps = (
        (latency.static_pods_linger, plane.show_not_ready),
        (latency.static_pods_stop, plane.take_down),
        (latency.static_pods_down, plane.bring_up),
        (0.0, plane.show_pending),
        (latency.static_pods_start, plane.show_started),
        (latency.static_pods_ready, plane.show_ready),
    )
    for pause, step in steps:
        await asyncio.sleep(pause)
        while alive() and step == plane.show_pending and not plane.cluster.door.answers:
            await asyncio.sleep(0.01)  # a mirror Pod is made at the API
        if not alive():
            return
        step(node)


async def boot(plane: ControlPlane, node: str, alive: Callable[[], bool]) -> None:
    """If power was lost before: what the manifests on disk say is started, by whatever kubelet is installed."""
    if node not in plane.booting:
        return
    await asyncio.sleep(plane.cluster.latency.static_pods_down)
    if not alive():
        return
    plane.read_manifests(node)
    plane.bring_up(node)
    while alive() and not plane.cluster.door.answers:
        await asyncio.sleep(0.01)
    await asyncio.sleep(plane.cluster.latency.static_pods_ready)
    if alive():
        plane.booting.discard(node)
        plane.show_booted(node)
