"""etcdctl and etcdutl inside the etcd pod: how to get there, and snapshots; golden/kubectl-exec-etcdctl.txt."""

from __future__ import annotations

import asyncio
import json
import posixpath
import time

from lab.commands import etcd_answers
from lab.commands.etcd_answers import SIZE
from lab.commands.kubeadm_cluster import number
from lab.control_plane import ETCD
from lab.file_tree import FileError
from lab.options import Options, parse
from lab.process import Process

_VALUED = (
    "--endpoints", "--cacert", "--cert", "--key", "-w", "--write-out", "--command-timeout", "--dial-timeout",
)  # fmt: skip


async def kubectl_exec(process: Process) -> int:
    """``kubectl --kubeconfig … -n kube-system exec etcd-NODE -- …``"""
    arguments = list(process.arguments)
    cut = arguments.index("--")
    options = parse(arguments[:cut], valued=("--kubeconfig", "-n", "--namespace", "-c", "--request-timeout"))
    if refused := _refused_kubectl(process, options):
        return process.refuse(refused, 1)
    pod = next((word for word in options.operands if word != "exec"), "").removeprefix("pod/")
    cluster = process.host.cluster
    if cluster.store.find("Pod", options.last("-n", "--namespace", default="default"), pod) is None:
        return process.refuse(f'Error from server (NotFound): pods "{pod}" not found', 1)
    node = pod.removeprefix("etcd-")
    if node not in cluster.control_plane.images:
        return process.refuse(f'error: Internal error occurred: "{pod}" has no such container', 1)
    code = await run(process, node, arguments[cut + 1 :])
    if code:
        process.complain(f"command terminated with exit code {code}")
    return code


def _refused_kubectl(process: Process, options: Options) -> str | None:
    path = options.last("--kubeconfig") or process.environment.get("KUBECONFIG", "")
    if not path:
        return "The connection to the server localhost:8080 was refused - did you specify the right host or port?"
    try:
        process.host.files.read(path, process.root)
    except FileError as error:
        return f'error: error loading config file "{path}": open {path}: {error.reason.lower()}'
    if not process.host.cluster.api_available:
        address = process.host.cluster.api_url.removeprefix("https://")
        return f"The connection to the server {address} was refused - did you specify the right host or port?"
    if not process.host.cluster.door.answers:
        text = 'cannot get resource "pods" in API group "" in the namespace "kube-system"'
        return f'Error from server (Forbidden): pods is forbidden: User "kubernetes-admin" {text}'
    return None


async def run(process: Process, node: str, argv: list[str]) -> int:
    """What the container of a node's etcd answers, whoever brought the command there."""
    plane = process.host.cluster.control_plane
    if not plane.is_up(node, ETCD):
        text = 'unable to upgrade connection: container not found ("etcd")'
        return process.refuse(f"error: {text}", 1)
    options = parse(argv[1:], valued=_VALUED)
    if refused := _refused_certificates(process, node, options):
        return process.refuse(f"Error: {refused}", 128)
    match (argv[:1], options.operands):
        case (["etcdctl"], ["endpoint" | "member" | "alarm" as what, verb]) if (what, verb) in etcd_answers.ANSWERS:
            return etcd_answers.ANSWERS[what, verb](process, node, options)
        case (["etcdctl"], ["snapshot", "save", path]):
            return await _save(process, node, path)
        case (["etcdctl" | "etcdutl"], ["snapshot", "status", path]):
            return _snapshot_status(process, node, path)
        case (["etcdctl" | "etcdutl"], ["version"]):
            process.print(f"{argv[0]} version: {etcd_answers.version(process, node)}\nAPI version: 3.5")
            return 0
    return process.refuse(f"Error: unknown command {argv} in the lab's etcd", 127)


def _refused_certificates(process: Process, node: str, options: Options) -> str | None:
    """etcd's container has the directory of its certificates where the host has it, and nothing else."""
    files = process.host.cluster.hosts[node].files
    given = (options.last(name) for name in ("--cacert", "--cert", "--key"))
    missing = next((path for path in given if path and files.text(path) is None), None)
    return f"open {missing}: no such file or directory" if missing else None


async def _save(process: Process, node: str, path: str) -> int:
    """The container has no file system of its own worth writing to but the host's directory of its data."""
    host = process.host.cluster.hosts[node]
    if not process.host.cluster.control_plane.is_healthy(node):
        return process.refuse("Error: rpc error: code = DeadlineExceeded desc = context deadline exceeded", 1)
    await asyncio.sleep(process.host.cluster.latency.snapshot)
    if not posixpath.normpath(path).startswith(f"{host.cluster.spec.etcd_data}/"):
        return process.refuse(f"Error: could not open {path}.part (open {path}.part: no such file or directory)", 1)
    content = json.dumps({"revision": process.host.cluster.store.version, "time": time.time()}).encode()
    try:
        host.files.write(path, content, True, 0o600)
    except FileError as error:
        return process.refuse(f"Error: could not open {path}.part (open {path}.part: {error.reason.lower()})", 1)
    host.files.entries[posixpath.normpath(path)].size = SIZE + 32
    process.complain(
        f'{{"level":"info","ts":{time.time():.7f},"caller":"snapshot/v3_snapshot.go:100","msg":"saved","path":"{path}"}}'
    )
    process.print(f"Snapshot saved at {path}")
    return 0


def _snapshot_status(process: Process, node: str, path: str) -> int:
    """golden/etcdutl-snapshot-status.json"""
    content = process.host.cluster.hosts[node].files.text(path)
    if content is None:
        return process.refuse(f"Error: stat {path}: no such file or directory", 1)
    try:
        revision = json.loads(content)["revision"]
    except (ValueError, KeyError, TypeError):
        return process.refuse("Error: snapshot file integrity check failed. Incorrect sha256 checksum", 1)
    hashed = number(path, content)
    answer = {"hash": hashed, "revision": revision, "totalKey": revision + 8, "totalSize": SIZE}
    process.print(json.dumps(answer, separators=(",", ":")))
    return 0
