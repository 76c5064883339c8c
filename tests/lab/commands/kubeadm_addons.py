"""When does kubeadm bring kube-proxy and CoreDNS to a new version?"""

from __future__ import annotations

from typing import Any

from lab.process import Process
from lab.releases import Release
from lab.store import Item


def upgrade(process: Process, target: Release) -> None:
    """Since 1.28 only once every apiserver is there, so that no addon is newer than the API it talks to."""
    apiservers = process.host.cluster.control_plane.apiservers()
    behind = sorted(node for node, release in apiservers.items() if release != target)
    if behind and target.minor >= 28:
        listed = " ".join(behind)
        text = f"skip upgrade addons because control plane instances [{listed}] have not been upgraded"
        process.print(f"[upgrade/addons] {text}")
        return
    store = process.host.cluster.store
    store.change("Deployment", "kube-system", "coredns", lambda one: _set_image(one, target.image("coredns/coredns")))
    process.print("[addons] Applied essential addon: CoreDNS")
    store.change("DaemonSet", "kube-system", "kube-proxy", lambda one: _set_image(one, target.image("kube-proxy")))
    process.print("[addons] Applied essential addon: kube-proxy")


def _set_image(item: Item, image: str) -> None:
    containers: list[dict[str, Any]] = item["spec"]["template"]["spec"]["containers"]
    containers[0]["image"] = image
