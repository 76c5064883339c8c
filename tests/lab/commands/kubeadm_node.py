"""kubeadm upgrade node; on a worker as golden/kubeadm-upgrade-node-w1.txt."""

from __future__ import annotations

import asyncio

from lab import images
from lab.commands import kubeadm_addons
from lab.commands.kubeadm_cluster import (
    TRACE,
    cluster_version,
    reading_configuration,
    refuse_early,
    unpublished,
    write_kubelet_config,
)
from lab.commands.kubeadm_static_pods import upgrade_static_pods
from lab.commands.kubeadm_system import verify_system
from lab.options import Options
from lab.process import Process
from lab.releases import Release


async def node(process: Process, options: Options, version: str | None) -> int:
    if version is not None:
        return process.refuse(f'unknown command "{version}" for "kubeadm upgrade node"\n{TRACE}', 1)
    if (code := refuse_early(process, needs_admin=False)) is not None:
        return code
    kubeadm, target = process.host.installed("kubeadm"), cluster_version(process)
    process.print(reading_configuration(kubeadm, "upgrade"))
    if reason := _refusal(kubeadm, target):
        return process.refuse(f"{reason}\n{TRACE}", 1)
    process.print("[preflight] Running pre-flight checks")
    if (code := verify_system(process, options)) is not None:
        return code
    await asyncio.sleep(process.host.cluster.latency.kubeadm_node)
    if process.host.control_plane:
        if (code := await _control_plane(process, options, target)) is not None:
            return code
    else:
        process.print("[preflight] Skipping prepull. Not a control plane node.")
        process.print("[upgrade] Skipping phase. Not a control plane node.")
    write_kubelet_config(process)
    process.print("[upgrade] The configuration for this node was successfully updated!")
    process.print("[upgrade] Now you should go ahead and upgrade the kubelet package using your package manager.")
    return 0


def _refusal(kubeadm: Release, target: Release) -> str | None:
    if target.minor < kubeadm.minor - 1:
        least = f"v1.{kubeadm.minor - 1}.0"
        return (
            "this version of kubeadm only supports deploying clusters with the control plane version "
            f">= {least}. Current version: {target.v}"
        )
    if target.minor > kubeadm.minor:
        # Stricter than kubeadm, which would write a configuration it does not know.
        return (
            f'the cluster version "{target.v}" is higher than the kubeadm version "{kubeadm.v}". Upgrade kubeadm first'
        )
    return None


async def _control_plane(process: Process, options: Options, target: Release) -> int | None:
    host, plane = process.host, process.host.cluster.control_plane
    host.cluster.rules.kubeadm_starts(host.name, "node", plane.kubeadm_running)
    plane.kubeadm_running[host.name] = "node"
    try:
        process.print("[preflight] Pulling images required for setting up a Kubernetes cluster")
        await images.pull_before_upgrade(process, images.of(target))
        if reason := unpublished(process, target):
            return process.refuse(reason, 1)
        process.print(f'[upgrade] Upgrading your Static Pod-hosted control plane instance to version "{target.v}"...')
        etcd = options.last("--etcd-upgrade", default="true") != "false"
        if (code := await upgrade_static_pods(process, target, etcd)) is not None:
            return code
        process.print("[upgrade] The control plane instance for this node was successfully updated!")
        if target.minor >= 28:
            kubeadm_addons.upgrade(process, target)
    finally:
        plane.kubeadm_running.pop(host.name, None)
    return None
