"""kubeadm upgrade apply; output as golden/kubeadm-upgrade-apply.txt, names and versions replaced."""

from __future__ import annotations

import asyncio

from lab import images
from lab.commands import kubeadm_addons, kubeadm_skew
from lab.commands.kubeadm_cluster import (
    TRACE,
    cluster_version,
    fatal,
    health_errors,
    reading_configuration,
    refuse_early,
    set_cluster_version,
    unpublished,
    write_kubelet_config,
)
from lab.commands.kubeadm_static_pods import upgrade_static_pods
from lab.commands.kubeadm_system import verify_system
from lab.options import Options
from lab.process import Process
from lab.releases import Release
from lab.workload_objects import config_map


async def apply(process: Process, options: Options, version: str | None) -> int:
    if (code := refuse_early(process, needs_admin=True)) is not None:
        return code
    if version is None:
        return process.refuse(f"missing one or more required arguments. Required arguments: [version]\n{TRACE}", 1)
    try:
        target = Release.parse(version)
    except ValueError:
        text = (
            f'version "{version}" doesn\'t match patterns for neither semantic version nor labels (stable, latest, ...)'
        )
        return process.refuse(f"{text}\n{TRACE}", 1)
    if (code := await _preflight(process, options, target)) is not None:
        return code
    return await _apply(process, options, target)


async def _preflight(process: Process, options: Options, target: Release) -> int | None:
    kubeadm = process.host.installed("kubeadm")
    if kubeadm.minor < 32:
        process.print("[upgrade/config] Making sure the configuration is correct:")
    process.print(reading_configuration(kubeadm, "upgrade/config" if kubeadm.minor < 32 else "upgrade"))
    process.print(
        "[preflight] Running pre-flight checks."
        if kubeadm.minor < 32
        else "[upgrade/preflight] Running preflight checks"
    )
    if (code := verify_system(process, options)) is not None:
        return code
    process.print("[upgrade] Running cluster health checks")
    if errors := health_errors(process, options):
        return process.refuse(fatal(errors), 1)
    process.print(f'[upgrade/version] You have chosen to change the cluster version to "{target.v}"')
    process.print(f"[upgrade/versions] Cluster version: {cluster_version(process).v}")
    process.print(f"[upgrade/versions] kubeadm version: {kubeadm.v}")
    if reason := kubeadm_skew.refusal(process, target, options.has("--force", "-f")):
        return process.refuse(reason, 1)
    if options.has("--dry-run"):
        process.print("[dryrun] Finished dryrunning successfully!")
        return 0
    if not options.has("-y", "--yes", "--force", "-f"):
        process.print("[upgrade] Are you sure you want to proceed? [y/N]: ")
        return process.refuse(f"won't proceed; the user didn't answer (Y|y) in order to continue\n{TRACE}", 1)
    return None


async def _apply(process: Process, options: Options, target: Release) -> int:
    host, plane = process.host, process.host.cluster.control_plane
    host.cluster.rules.kubeadm_starts(host.name, "apply", plane.kubeadm_running)
    plane.kubeadm_running[host.name] = "apply"
    try:
        await _pull(process, target)
        if reason := unpublished(process, target):
            return process.refuse(reason, 1)
        process.print(f'[upgrade/apply] Upgrading your Static Pod-hosted control plane to version "{target.v}"...')
        etcd = options.last("--etcd-upgrade", default="true") != "false"
        if (code := await upgrade_static_pods(process, target, etcd)) is not None:
            return code
        await asyncio.sleep(host.cluster.latency.kubeadm_addons)
        _finish(process, target)
    finally:
        plane.kubeadm_running.pop(host.name, None)
    return 0


async def _pull(process: Process, target: Release) -> None:
    latency = process.host.cluster.latency
    await asyncio.sleep(latency.kubeadm_preflight)
    process.print("[upgrade/prepull] Pulling images required for setting up a Kubernetes cluster")
    process.print(
        "[upgrade/prepull] This might take a minute or two, depending on the speed of your internet connection"
    )
    process.print("[upgrade/prepull] You can also perform this action in beforehand using 'kubeadm config images pull'")
    await images.pull_before_upgrade(process, images.of(target))


def _finish(process: Process, target: Release) -> None:
    store = process.host.cluster.store
    set_cluster_version(process, target)
    process.print(
        '[upload-config] Storing the configuration used in ConfigMap "kubeadm-config" in the "kube-system" Namespace'
    )
    name = target.kubelet_config
    text = process.host.files.text("/var/lib/kubelet/config.yaml") or ""
    if store.find("ConfigMap", "kube-system", name) is None:
        store.create(config_map(name, {"kubelet": text}))
    process.print(
        f'[kubelet] Creating a ConfigMap "{name}" in namespace kube-system with '
        "the configuration for the kubelets in the cluster"
    )
    write_kubelet_config(process)
    process.print(_BOOTSTRAP)
    kubeadm_addons.upgrade(process, target)
    process.print(f'\n[upgrade/successful] SUCCESS! Your cluster was upgraded to "{target.v}". Enjoy!\n')
    process.print(
        "[upgrade/kubelet] Now that your control plane is upgraded, "
        "please proceed with upgrading your kubelets if you haven't already done so."
    )


_RBAC = "[bootstrap-token] configured RBAC rules to allow"
_BOOTSTRAP = "\n".join(
    [
        f"{_RBAC} Node Bootstrap tokens to get nodes",
        f"{_RBAC} Node Bootstrap tokens to post CSRs in order for nodes to get long term certificate credentials",
        f"{_RBAC} the csrapprover controller automatically approve CSRs from a Node Bootstrap Token",
        f"{_RBAC} certificate rotation for all node client certificates in the cluster",
    ]
)
