"""What kubeadm sees of the cluster, and what it says when it cannot."""

from __future__ import annotations

import hashlib
from typing import Any

import yaml

from lab import node_objects
from lab.options import Options
from lab.process import Process
from lab.releases import Release, etcd_version, is_published

TRACE = "To see the stack trace of this error execute with --v=5 or higher"
NOT_ROOT = (
    "[preflight] Some fatal errors occurred:\n\t[ERROR IsPrivilegedUser]: user is not running as root\n"
    "[preflight] If you know what you are doing, you can make a check "
    "non-fatal with `--ignore-preflight-errors=...`\n" + TRACE
)


def _configuration(process: Process) -> dict[str, Any]:
    """The ClusterConfiguration of the ConfigMap kubeadm-config."""
    item = process.host.cluster.store.find("ConfigMap", "kube-system", "kubeadm-config")
    return yaml.safe_load((item or {"data": {}})["data"].get("ClusterConfiguration", "")) or {}


def cluster_version(process: Process) -> Release:
    return Release.parse(_configuration(process)["kubernetesVersion"])


def etcd_image(process: Process, target: Release) -> str:
    """``etcd.local.imageTag`` if it is set, else what the release brings; an older etcd never replaces a newer one."""
    local = (_configuration(process).get("etcd") or {}).get("local") or {}
    image, plane = target.image("etcd"), process.host.cluster.control_plane
    if tag := local.get("imageTag"):
        image = f"{image.rpartition(':')[0]}:{tag}"
    running = plane.images[process.host.name]["etcd"]
    older = etcd_version(image.rpartition(":")[2]) < etcd_version(running.rpartition(":")[2])
    return running if older else image


def unpublished(process: Process, target: Release) -> str | None:
    """kubeadm pulls first, and refuses where it cannot."""
    image = etcd_image(process, target)
    if is_published(image):
        return None
    text = f"[preflight] Some fatal errors occurred:\n\t[ERROR ImagePull]: failed to pull image {image}: not found"
    return f"{text}\n{TRACE}"


def set_cluster_version(process: Process, release: Release) -> None:
    store = process.host.cluster.store
    item = store.find("ConfigMap", "kube-system", "kubeadm-config")
    assert item is not None
    configuration = yaml.safe_load(item["data"]["ClusterConfiguration"]) | {"kubernetesVersion": release.v}
    if release.minor >= 31:
        configuration["apiVersion"] = "kubeadm.k8s.io/v1beta4"
        arguments = configuration.get("apiServer", {}).get("extraArgs")
        if isinstance(arguments, dict):
            listed = [{"name": name, "value": value} for name, value in arguments.items()]
            configuration["apiServer"] = {"extraArgs": listed}
    if configuration["imageRepository"] == "k8s.gcr.io" and release.minor >= 25:
        configuration["imageRepository"] = release.registry
    text = yaml.safe_dump(configuration)
    store.change(
        "ConfigMap",
        "kube-system",
        "kubeadm-config",
        lambda one: one["data"].update(ClusterConfiguration=text),
    )


def refuse_early(process: Process, needs_admin: bool) -> int | None:
    """Not root, not a control plane node (golden/kubeadm-upgrade-plan-on-worker.txt), or no API."""
    if not process.root:
        return process.refuse(NOT_ROOT, 1)
    if needs_admin and not process.host.control_plane:
        path = "/etc/kubernetes/admin.conf"
        text = f'couldn\'t create a Kubernetes client from file "{path}": failed to load admin kubeconfig: '
        return process.refuse(f"{text}open {path}: no such file or directory\n{TRACE}", 1)
    cluster = process.host.cluster
    if not cluster.api_available:
        url = f"{cluster.api_url}/api/v1/namespaces/kube-system/configmaps/kubeadm-config?timeout=10s"
        address = cluster.api_url.removeprefix("https://")
        text = (
            f'[upgrade/config] FATAL: failed to get config map: Get "{url}": dial '
            f"tcp {address}: connect: connection refused"
        )
        return process.refuse(f"{text}\n{TRACE}", 1)
    if reason := _forbidden(process):
        return process.refuse(f"failed to get config map: {reason}\n{TRACE}", 1)
    return None


def _forbidden(process: Process) -> str | None:
    """An apiserver that has just started knows no rules, and which node may read what it learns last.

    The worker's text was seen right after a single control plane node's restart (golden/README.md, last section).
    """
    door, host = process.host.cluster.door, process.host
    what = 'cannot get resource "configmaps" in API group "" in the namespace "kube-system"'
    if host.control_plane:
        text = f'configmaps "kubeadm-config" is forbidden: User "kubernetes-admin" {what}'
        return None if door.answers else text
    reason = f"no relationship found between node '{host.name}' and this object"
    text = f'configmaps "kubeadm-config" is forbidden: User "system:node:{host.name}" {what}: {reason}'
    return None if door.knows_nodes else text


def reading_configuration(release: Release, prefix: str) -> str:
    """golden/kubeadm-upgrade-plan.txt and, from 1.32 on, golden/kubeadm-upgrade-plan-1.33-to-1.34.txt."""
    if release.minor >= 32:
        return (
            f'[{prefix}] Reading configuration from the "kubeadm-config" '
            'ConfigMap in namespace "kube-system"...\n'
            f"[{prefix}] Use 'kubeadm init phase upload-config kubeadm "
            "--config your-config-file' to re-upload it."
        )
    return (
        f"[{prefix}] Reading configuration from the cluster...\n"
        f"[{prefix}] FYI: You can look at this config file with 'kubectl -n "
        "kube-system get cm kubeadm-config -o yaml'"
    )


def health_errors(process: Process, options: Options) -> list[str]:
    """The cluster health checks of kubeadm that the lab's clusters can fail."""
    ignored = {name.lower() for value in options.all("--ignore-preflight-errors") for name in value.split(",")}
    nodes = list(process.host.cluster.store.each("Node"))
    ours = process.host.cluster.control_plane.images
    sick = [n["metadata"]["name"] for n in nodes if n["metadata"]["name"] in ours and not node_objects.is_ready(n)]
    errors = []
    if sick:
        text = f"there are NotReady control-planes in the cluster: [{' '.join(sick)}]"
        errors.append(("ControlPlaneNodesReady", text))
    if not any(node_objects.is_ready(n) and node_objects.is_schedulable(n) for n in nodes):
        text = (
            'Job "upgrade-health-check" in the namespace "kube-system" did not '
            "complete in 15s: no condition of type Complete"
        )
        errors.append(("CreateJob", text))
    return [
        f"\t[ERROR {name}]: {text}" for name, text in errors if name.lower() not in ignored and "all" not in ignored
    ]


def fatal(errors: list[str]) -> str:
    hint = (
        "[preflight] If you know what you are doing, you can make a check "
        "non-fatal with `--ignore-preflight-errors=...`"
    )
    return "\n".join(["[upgrade/health] FATAL: [preflight] Some fatal errors occurred:", *errors, hint, TRACE])


def write_kubelet_config(process: Process) -> None:
    cluster = process.host.cluster
    name = cluster_version(process).kubelet_config
    item = cluster.store.find("ConfigMap", "kube-system", name)
    if item is not None:
        process.host.files.put("/var/lib/kubelet/config.yaml", item["data"]["kubelet"])
    process.print('[kubelet-start] Writing kubelet configuration to file "/var/lib/kubelet/config.yaml"')


def number(*parts: str) -> int:
    """A number that looks random and stays the same."""
    return int(hashlib.md5(" ".join(parts).encode(), usedforsecurity=False).hexdigest()[:8], 16)
