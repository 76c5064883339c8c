"""How kubeadm replaces the static pods of its node, one after another."""

from __future__ import annotations

import asyncio
import time

from lab.commands.kubeadm_cluster import TRACE, etcd_image, number
from lab.control_plane import ETCD, MANIFESTS
from lab.process import Process
from lab.releases import Release

_SERVERS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
_RENEWED = {
    "etcd": ("etcd-server", "etcd-peer", "etcd-healthcheck-client"),
    "kube-apiserver": (
        "apiserver",
        "apiserver-kubelet-client",
        "front-proxy-client",
        "apiserver-etcd-client",
    ),
    "kube-controller-manager": ("controller-manager.conf",),
    "kube-scheduler": ("scheduler.conf",),
}


async def upgrade_static_pods(process: Process, target: Release, etcd: bool) -> int | None:
    """None when all went well, else kubeadm's exit code."""
    host = process.host
    stamp = time.strftime("%Y-%m-%d-%H-%M-%S", time.gmtime())
    for component in _SERVERS:
        _print_hash(process, component)
    components: tuple[str, ...] = _SERVERS
    if etcd:
        process.print("[upgrade/etcd] Upgrading to TLS for etcd")
        _print_hash(process, "etcd")
        if (code := await _upgrade(process, "etcd", target, stamp)) is not None:
            return code
        process.print("[upgrade/etcd] Waiting for etcd to become available")
    scratch = number(host.name, stamp)
    process.print(
        "[upgrade/staticpods] Writing new Static Pod manifests to "
        f'"/etc/kubernetes/tmp/kubeadm-upgraded-manifests{scratch}"'
    )
    for component in components:
        if (code := await _upgrade(process, component, target, stamp)) is not None:
            return code
    return None


async def _upgrade(process: Process, component: str, target: Release, stamp: str) -> int | None:
    plane, name = process.host.cluster.control_plane, process.host.name
    process.print(f'[upgrade/staticpods] Preparing for "{component}" upgrade')
    image = etcd_image(process, target) if component == ETCD else target.image(component)
    if plane.images[name][component] == image:
        process.print(f"[upgrade/staticpods] Current and new manifests of {component} are equal, skipping upgrade")
        return None
    for certificate in _RENEWED[component]:
        process.print(f"[upgrade/staticpods] Renewing {certificate} certificate")
    _back_up(process, component, stamp)
    if not process.host.kubelet.active:
        text = (
            "couldn't upgrade control plane. kubeadm has tried to recover "
            "everything into the earlier state. Errors faced"
        )
        return process.refuse(f"[upgrade/apply] FATAL: {text}: timed out waiting for the condition\n{TRACE}", 1)
    process.print("[upgrade/staticpods] Waiting for the kubelet to restart the component")
    process.print(
        "[upgrade/staticpods] This might take a minute or longer depending on the component/version gap (timeout 5m0s)"
    )
    _print_hash(process, component)
    await plane.swap(name, component, image)
    # kubeadm waits for the API to answer again, whoever keeps it away.
    while not process.host.cluster.door.answers:
        await asyncio.sleep(0.02)
    _print_hash(process, component)
    count = len(plane.images)
    process.print(f"[apiclient] Found {count} Pods for label selector component={component}")
    process.print(f'[upgrade/staticpods] Component "{component}" upgraded successfully!')
    return None


def _back_up(process: Process, component: str, stamp: str) -> None:
    """What golden/etcd-backup-left-by-kubeadm.txt shows is left behind."""
    files = process.host.files
    manifest = f"{MANIFESTS}/{component}.yaml"
    kept = f"/etc/kubernetes/tmp/kubeadm-backup-manifests-{stamp}/{component}.yaml"
    files.put(kept, files.text(manifest) or "", 0o600)
    if component == "etcd":
        files.put(
            f"/etc/kubernetes/tmp/kubeadm-backup-etcd-{stamp}/etcd/member/snap/db",
            b"\0" * 64,
            0o600,
            size=125_000_000,
        )
    process.print(f'[upgrade/staticpods] Moved new manifest to "{manifest}" and backed up old manifest to "{kept}"')


def _print_hash(process: Process, component: str) -> None:
    name = process.host.name
    digest = process.host.cluster.control_plane.config_hash(name, component)
    process.print(f"Static pod: {component}-{name} hash: {digest}")
