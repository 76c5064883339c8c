"""Paths as the task `plan` pushes them: made of the product's own values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kubeadm_upgrade.planning.path import Group, Path, PathHop, Policy
from kubeadm_upgrade.version import Version

CONTROL_PLANE = ("demo-b-cp1", "demo-b-cp2")
WORKERS = ("demo-b-w1", "demo-b-w2")
Json = dict[str, Any]


def path(*hops: PathHop) -> Json:
    return Path(hops[-1].to, Policy(), hops).to_json()


def hop(came_from: str, to: str, moving: Sequence[str] = (), at: str = "1.28.15") -> PathHop:
    """`at` is the kubelet version of every worker when the hop begins."""
    waiting = [name for name in WORKERS if name not in moving]
    return PathHop(
        came_from=Version.parse(came_from),
        to=Version.parse(to),
        reason="a table says so",
        control_plane=tuple(_group([name], came_from) for name in CONTROL_PLANE),
        moving=(_group(moving, at),) if moving else (),
        waiting=(_group(waiting, at),) if waiting else (),
    )


def _group(nodes: Sequence[str], kubelet: str) -> Group:
    return Group(tuple(nodes), Version.parse(kubelet), "a table says so")


ONE_HOP = path(hop("1.28.15", "1.29.15", WORKERS))
# the workers wait as long as they may: they move in the third hop and in the last
FOUR_HOPS = path(
    hop("1.28.15", "1.29.15"),
    hop("1.29.15", "1.30.14"),
    hop("1.30.14", "1.31.14", WORKERS),
    hop("1.31.14", "1.32.13", WORKERS, at="1.31.14"),
)
