"""What do the members of etcd say of themselves? golden/etcd-*.json, golden/etcd-health.txt; sick ones from memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from lab.commands.kubeadm_cluster import number
from lab.options import Options
from lab.process import Process

SIZE = 1626112
_ALARMS = {"NOSPACE": 1, "CORRUPT": 2}
_TOO_LATE = "context deadline exceeded"


def version(process: Process, node: str) -> str:
    return process.host.cluster.control_plane.etcd_tag(node).rpartition("-")[0]


def _print(process: Process, answer: object) -> None:
    process.print(json.dumps(answer, separators=(",", ":")))


def _endpoints(process: Process, node: str, options: Options) -> dict[str, str]:
    """Each with the member that listens there; with --cluster all members, whether or not they are up."""
    cluster = process.host.cluster
    if options.has("--cluster"):
        return {f"https://{cluster.addresses[name]}:2379": name for name in cluster.control_plane.images}
    asked = options.last("--endpoints", default="https://127.0.0.1:2379").split(",")
    named = {cluster.addresses[name]: name for name in cluster.control_plane.images}
    return {one: next((name for place, name in named.items() if f"//{place}:" in one), node) for one in asked}


def _health(process: Process, node: str, options: Options) -> int:
    plane = process.host.cluster.control_plane
    alarms = "".join(f"{alarm} " for _, alarm in plane.alarms())
    answers: list[dict[str, object]] = []
    for endpoint, member in _endpoints(process, node, options).items():
        error = f"Active Alarm(s): {alarms}" if alarms else ""
        error = error if plane.is_healthy(member) and plane.has_quorum() else _TOO_LATE
        took = "5.000948131s" if error == _TOO_LATE else "15.622336ms"
        one: dict[str, object] = {"endpoint": endpoint, "health": not error, "took": took}
        answers.append(one | ({"error": error} if error else {}))
    _print(process, answers)
    if all(one["health"] for one in answers):
        return 0
    process.complain("Error: unhealthy cluster")
    return 1


def _status(process: Process, node: str, options: Options) -> int:
    """Whoever does not answer is missing from the answer, and said on stderr."""
    plane, code = process.host.cluster.control_plane, 0
    answers: list[dict[str, object]] = []
    for endpoint, member in _endpoints(process, node, options).items():
        if plane.is_healthy(member):
            answers.append({"Endpoint": endpoint, "Status": _status_of(process, member)})
        else:
            code = 1
            process.complain(f"Failed to get the status of endpoint {endpoint} ({_TOO_LATE})")
    _print(process, answers)
    return code


def _status_of(process: Process, member: str) -> dict[str, object]:
    plane = process.host.cluster.control_plane
    leader = next((one for one in plane.members_up() if one not in plane.learners()), None)
    status: dict[str, object] = {
        "header": _header(process, member) | {"revision": process.host.cluster.store.version},
        "version": version(process, member),
        "dbSize": SIZE,
        "leader": _id(leader) if leader and plane.has_quorum() else 0,
        "raftIndex": 889,
        "raftTerm": 2,
        "raftAppliedIndex": 889,
        "dbSizeInUse": SIZE,
    }
    status |= {"isLearner": True} if member in plane.learners() else {}
    errors = [f"memberID:{_id(one)} alarm:{alarm} " for one, alarm in plane.alarms()]
    return status | ({"errors": errors} if errors else {})


def _members(process: Process, node: str, options: Options) -> int:
    cluster = process.host.cluster
    learners, members = cluster.control_plane.learners(), []
    for name in cluster.control_plane.images:
        address = cluster.addresses[name]
        member: dict[str, object] = {"ID": _id(name), "name": name}
        member |= {"peerURLs": [f"https://{address}:2380"], "clientURLs": [f"https://{address}:2379"]}
        members.append(member | ({"isLearner": True} if name in learners else {}))
    _print(process, {"header": _header(process, node), "members": members})
    return 0


def _alarms(process: Process, node: str, options: Options) -> int:
    alarms = [
        {"memberID": _id(one), "alarm": _ALARMS.get(alarm, 1)}
        for one, alarm in process.host.cluster.control_plane.alarms()
    ]
    # Go leaves an empty list out
    _print(process, {"header": _header(process, node)} | ({"alarms": alarms} if alarms else {}))
    return 0


def _id(node: str) -> int:
    return number(node, "member") << 20


def _header(process: Process, node: str) -> dict[str, int]:
    return {
        "cluster_id": number(process.host.cluster.spec.name) << 20,
        "member_id": _id(node),
        "raft_term": 2,
    }


ANSWERS: Mapping[tuple[str, str], Callable[[Process, str, Options], int]] = {
    ("endpoint", "health"): _health,
    ("endpoint", "status"): _status,
    ("member", "list"): _members,
    ("alarm", "list"): _alarms,
}
