"""etcdctl and etcdutl inside the etcd pod; golden/etcd-*.json and golden/kubectl-exec-etcdctl.txt."""

from __future__ import annotations

import asyncio
import json
import posixpath
import time

from lab.commands.kubeadm_cluster import number
from lab.file_tree import FileError
from lab.options import Options, parse
from lab.process import Process

_VALUED = (
    "--endpoints", "--cacert", "--cert", "--key", "-w", "--write-out", "--command-timeout", "--dial-timeout",
)  # fmt: skip
_SIZE = 1626112


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
    return await _run(process, node, arguments[cut + 1 :])


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


async def crictl(process: Process) -> int:
    """``crictl ps …`` and ``crictl exec ID etcdctl …``; the ID is the one ps prints."""
    if not process.root:
        return process.refuse("crictl: permission denied while connecting to the container runtime", 1)
    arguments = list(process.arguments)
    node = process.host.name
    if "exec" in arguments and process.host.control_plane:
        inner = arguments[arguments.index("exec") + 1 :]
        while inner and inner[0].startswith("-"):
            inner.pop(0)
        return await _run(process, node, [word for word in inner[1:] if word != "--"])
    if "ps" in arguments and process.host.control_plane:
        process.print(f"{number(node, 'etcd'):012x}")
        return 0
    if "--version" in arguments or "version" in arguments:
        process.print("crictl version v1.28.0")
        return 0
    return process.refuse("crictl: the lab knows `ps`, `exec` and `version` only", 1)


async def _run(process: Process, node: str, argv: list[str]) -> int:
    if node not in process.host.cluster.control_plane.members_up():
        text = "rpc error: code = DeadlineExceeded desc = latest balancer error: connection refused"
        return process.refuse(f"Error: {text}", 1)
    options = parse(argv[1:], valued=_VALUED)
    match (argv[:1], options.operands):
        case (["etcdctl"], ["endpoint", "status"]):
            process.print(json.dumps(_status(process, node, options), separators=(",", ":")))
        case (["etcdctl"], ["endpoint", "health"]):
            healthy = [{"endpoint": one, "health": True, "took": "15.622336ms"} for one in _endpoints(process, options)]
            process.print(json.dumps(healthy, separators=(",", ":")))
        case (["etcdctl"], ["member", "list"]):
            process.print(json.dumps(_members(process), separators=(",", ":")))
        case (["etcdctl"], ["snapshot", "save", path]):
            return await _save(process, node, path)
        case (["etcdctl" | "etcdutl"], ["snapshot", "status", path]):
            return _snapshot_status(process, node, path)
        case (["etcdctl" | "etcdutl"], ["version"]):
            process.print(f"{argv[0]} version: {_version(process, node)}\nAPI version: 3.5")
        case _:
            return process.refuse(f"Error: unknown command {argv} in the lab's etcd", 127)
    return 0


def _endpoints(process: Process, options: Options) -> list[str]:
    cluster = process.host.cluster
    if options.has("--cluster"):
        return [f"https://{cluster.addresses[name]}:2379" for name in cluster.control_plane.members_up()]
    return options.last("--endpoints", default="https://127.0.0.1:2379").split(",")


def _member(process: Process, node: str, endpoint: str) -> str:
    cluster = process.host.cluster
    named = (name for name in cluster.control_plane.images if f"//{cluster.addresses[name]}:" in endpoint)
    return next(named, node)


def _version(process: Process, node: str) -> str:
    return process.host.cluster.control_plane.etcd_tag(node).rpartition("-")[0]


def _status(process: Process, node: str, options: Options) -> list[dict[str, object]]:
    leader = process.host.cluster.control_plane.members_up()[0]
    answers: list[dict[str, object]] = []
    for endpoint in _endpoints(process, options):
        member = _member(process, node, endpoint)
        header = _header(process, member) | {"revision": process.host.cluster.store.version}
        status = {"header": header, "version": _version(process, member), "dbSize": _SIZE}
        status |= {
            "leader": _id(leader),
            "raftIndex": 889,
            "raftTerm": 2,
            "raftAppliedIndex": 889,
            "dbSizeInUse": _SIZE,
        }
        answers.append({"Endpoint": endpoint, "Status": status})
    return answers


def _id(node: str) -> int:
    return number(node, "member") << 20


def _header(process: Process, node: str) -> dict[str, int]:
    return {
        "cluster_id": number(process.host.cluster.spec.name) << 20,
        "member_id": _id(node),
        "raft_term": 2,
    }


def _members(process: Process) -> dict[str, object]:
    cluster = process.host.cluster
    members = [
        {
            "ID": _id(name),
            "name": name,
            "peerURLs": [f"https://{cluster.addresses[name]}:2380"],
            "clientURLs": [f"https://{cluster.addresses[name]}:2379"],
        }
        for name in cluster.control_plane.images
    ]
    return {"header": _header(process, process.host.name), "members": members}


async def _save(process: Process, node: str, path: str) -> int:
    """The container has no file system of its own worth writing to but the host's /var/lib/etcd."""
    host = process.host.cluster.hosts[node]
    await asyncio.sleep(process.host.cluster.latency.snapshot)
    if not posixpath.normpath(path).startswith("/var/lib/etcd/"):
        return process.refuse(f"Error: could not open {path}.part (open {path}.part: no such file or directory)", 1)
    content = json.dumps({"revision": process.host.cluster.store.version, "time": time.time()}).encode()
    try:
        host.files.write(path, content, True, 0o600)
    except FileError as error:
        return process.refuse(f"Error: could not open {path}.part (open {path}.part: {error.reason.lower()})", 1)
    host.files.entries[posixpath.normpath(path)].size = _SIZE + 32
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
    answer = {"hash": hashed, "revision": revision, "totalKey": revision + 8, "totalSize": _SIZE}
    process.print(json.dumps(answer, separators=(",", ":")))
    return 0
