"""kubeadm: version, plan, apply, node, images, certificates."""

from __future__ import annotations

import asyncio
import json

from lab import images
from lab.commands import kubeadm_certs, kubeadm_node, kubeadm_plan, kubeadm_upgrade
from lab.commands.kubeadm_cluster import cluster_version
from lab.options import parse
from lab.process import Process
from lab.releases import Release, client_version

_VALUED = (
    "-o", "--output", "--kubernetes-version", "--ignore-preflight-errors", "--config", "--kubeconfig",
    "--patches", "--feature-gates", "--skip-phases", "--v", "-v",
)  # fmt: skip


_UPGRADE = {"plan": kubeadm_plan.plan, "apply": kubeadm_upgrade.apply, "node": kubeadm_node.node}


async def kubeadm(process: Process) -> int:
    options = parse(process.arguments, valued=_VALUED)
    match options.operands:
        case ["upgrade", verb, *rest] if verb in _UPGRADE:
            return await _UPGRADE[verb](process, options, next(iter(rest), None))
        case ["version", *_]:
            return _version(process, options.last("-o", "--output"))
        case ["certs", "check-expiration", *_]:
            return kubeadm_certs.check_expiration(process, options)
        case ["config", "images", verb, *_] if verb in ("pull", "list"):
            wanted = options.last("--kubernetes-version") or cluster_version(process).v
            return await _images(process, Release.parse(wanted), verb == "pull")
    return process.refuse("invalid subcommand\nTo see the stack trace of this error execute with --v=5 or higher", 1)


def _version(process: Process, form: str) -> int:
    version = client_version(process.host.installed("kubeadm"))
    if form == "json":
        process.print(json.dumps({"clientVersion": version}, indent=2))
    elif form == "short":
        process.print(version["gitVersion"])
    else:
        fields = (("Major", "major"), ("Minor", "minor"), ("GitVersion", "gitVersion"))
        info = ", ".join(f'{title}:"{version[name]}"' for title, name in fields)
        process.print(f"kubeadm version: &version.Info{{{info}}}")
    return 0


async def _images(process: Process, release: Release, pull: bool) -> int:
    """golden/kubeadm-config-images-pull.txt"""
    for image in images.of(release):
        if pull:
            await asyncio.sleep(process.host.cluster.latency.image_pull / 7)
            process.host.images.add(image)
        process.print(f"{'[config/images] Pulled ' if pull else ''}{image}")
    return 0
