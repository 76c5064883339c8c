"""What does a Node look like? After golden/nodes-1.22.json and golden/node-w2-*.json."""

from __future__ import annotations

import uuid
from typing import Any

from lab.releases import Release
from lab.store import Item
from lab.timestamps import micro_time, rfc3339

PRESSURES = (
    ("MemoryPressure", "KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
    ("DiskPressure", "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
    ("PIDPressure", "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
)
READY = ("True", "KubeletReady", "kubelet is posting ready status")
PLEG = ("False", "KubeletNotReady", "PLEG is not healthy: pleg has yet to be successful")
NO_NETWORK = (
    "False",
    "KubeletNotReady",
    "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady "
    "message:Network plugin returns error: cni plugin not initialized",
)
UNKNOWN = ("Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.")

UNSCHEDULABLE = "node.kubernetes.io/unschedulable"
NOT_READY = "node.kubernetes.io/not-ready"
UNREACHABLE = "node.kubernetes.io/unreachable"


def control_plane_role(release: Release) -> tuple[dict[str, str], list[dict[str, str]]]:
    """Labels and taints of a control plane node; ``master`` left with 1.24 and 1.25."""
    labels = {"node-role.kubernetes.io/control-plane": ""}
    labels["node.kubernetes.io/exclude-from-external-load-balancers"] = ""
    if release.minor < 24:
        labels["node-role.kubernetes.io/master"] = ""
        return labels, [{"effect": "NoSchedule", "key": "node-role.kubernetes.io/master"}]
    return labels, [{"effect": "NoSchedule", "key": "node-role.kubernetes.io/control-plane"}]


def node(name: str, address: str, number: int, release: Release, control_plane: bool) -> Item:
    labels = {f"{prefix}kubernetes.io/{key}": value for prefix in ("beta.", "") for key, value in _ARCH}
    labels["kubernetes.io/hostname"] = name
    spec: dict[str, Any] = {"podCIDR": f"10.244.{number}.0/24", "podCIDRs": [f"10.244.{number}.0/24"]}
    if control_plane:
        roles, spec["taints"] = control_plane_role(release)
        labels |= roles
    annotations = {
        "kubeadm.alpha.kubernetes.io/cri-socket": "unix:///run/containerd/containerd.sock",
        "node.alpha.kubernetes.io/ttl": "0",
        "volumes.kubernetes.io/controller-managed-attach-detach": "true",
    }
    metadata = {"name": name, "labels": labels, "annotations": annotations}
    item = {"kind": "Node", "apiVersion": "v1", "metadata": metadata, "spec": spec}
    return item | {"status": _status(name, address, release)}


def without_machine(name: str, info: dict[str, str], labels: dict[str, str], taint: str | None) -> Item:
    """A Node that somebody else keeps Ready, such as a virtual kubelet; what it says of itself is told, and no more."""
    spec = {"taints": [{"key": taint, "value": "", "effect": "NoSchedule"}]} if taint else {}
    metadata = {"name": name, "labels": {"kubernetes.io/hostname": name, **labels}}
    item = {"kind": "Node", "apiVersion": "v1", "metadata": metadata, "spec": spec}
    address = {"type": "InternalIP", "address": "192.0.2.9"}
    status = {"conditions": [], "addresses": [address], "nodeInfo": {**dict.fromkeys(_INFO, ""), **info}}
    set_conditions(status, *READY)
    return item | {"status": status}


def kubelet_version(item: Item) -> str:
    return str(item["status"]["nodeInfo"]["kubeletVersion"])


#: The API shows these as empty texts where nobody has said anything.
_INFO = (
    "machineID", "systemUUID", "bootID", "kernelVersion", "osImage", "containerRuntimeVersion", "kubeletVersion",
    "kubeProxyVersion", "operatingSystem", "architecture",
)  # fmt: skip
_ARCH = (("arch", "amd64"), ("os", "linux"))


def machine_id(name: str) -> str:
    """What systemd has made up when the machine first started."""
    return uuid.uuid5(uuid.NAMESPACE_DNS, name).hex


def _status(name: str, address: str, release: Release) -> dict[str, Any]:
    machine = machine_id(name)
    capacity = {"cpu": "2", "ephemeral-storage": "264212084Ki", "hugepages-1Gi": "0", "hugepages-2Mi": "0"}
    status = {
        "capacity": capacity | {"memory": "24684092Ki", "pods": "110"},
        "allocatable": capacity | {"ephemeral-storage": "243497856212", "memory": "24581692Ki", "pods": "110"},
        "conditions": [],
        "addresses": [{"type": "InternalIP", "address": address}, {"type": "Hostname", "address": name}],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        "nodeInfo": {
            "machineID": machine,
            "systemUUID": machine,
            "bootID": str(uuid.uuid5(uuid.NAMESPACE_URL, name)),
            "kernelVersion": "6.1.0-28-amd64",
            "osImage": "Debian GNU/Linux 12 (bookworm)",
            "containerRuntimeVersion": "containerd://1.7.24",
            "kubeletVersion": release.v,
            "kubeProxyVersion": release.v,
            "operatingSystem": "linux",
            "architecture": "amd64",
        },
    }
    set_conditions(status, *READY)
    return status


def set_conditions(status: dict[str, Any], ready: str, reason: str, message: str) -> None:
    """What a kubelet posts: every pressure fine, Ready as given, all with a fresh heartbeat."""
    wanted = [(kind, "False", why, text) for kind, why, text in PRESSURES]
    wanted.append(("Ready", ready, reason, message))
    old = {one["type"]: one for one in status["conditions"]}
    status["conditions"] = [_condition(old.get(one[0]), *one) for one in wanted]


def set_unknown(status: dict[str, Any]) -> None:
    """What the node controller writes for a silent kubelet: the heartbeats stay where they were."""
    for condition in status["conditions"]:
        if condition["status"] != "Unknown":
            condition["lastTransitionTime"] = rfc3339()
        condition["status"], condition["reason"], condition["message"] = UNKNOWN


def _condition(old: dict[str, str] | None, kind: str, value: str, reason: str, message: str) -> dict[str, str]:
    since = old["lastTransitionTime"] if old and old["status"] == value else rfc3339()
    condition = {"type": kind, "status": value, "lastHeartbeatTime": rfc3339(), "lastTransitionTime": since}
    return condition | {"reason": reason, "message": message}


def readiness(item: Item) -> str:
    return next((c["status"] for c in item["status"]["conditions"] if c["type"] == "Ready"), "Unknown")


def is_ready(item: Item) -> bool:
    return readiness(item) == "True"


def is_schedulable(item: Item) -> bool:
    return not item["spec"].get("unschedulable", False)


def wanted_taints(item: Item) -> list[dict[str, str]]:
    """The taints the controllers keep on a node, beside those somebody else put there."""
    own = (UNSCHEDULABLE, NOT_READY, UNREACHABLE)
    current = item["spec"].get("taints", [])
    wanted = [] if is_schedulable(item) else [(UNSCHEDULABLE, "NoSchedule")]
    if (state := readiness(item)) != "True":
        key = NOT_READY if state == "False" else UNREACHABLE
        wanted += [(key, "NoSchedule"), (key, "NoExecute")]
    kept = [t for t in current if t["key"] not in own or (t["key"], t["effect"]) in wanted]
    there = {(t["key"], t["effect"]) for t in kept}
    new = [{"key": k, "effect": e, "timeAdded": rfc3339()} for k, e in wanted if (k, e) not in there]
    return kept + new


def lease(name: str, uid: str) -> Item:
    owner = {"apiVersion": "v1", "kind": "Node", "name": name, "uid": uid}
    metadata = {"name": name, "namespace": "kube-node-lease", "ownerReferences": [owner]}
    spec = {"holderIdentity": name, "leaseDurationSeconds": 40, "renewTime": micro_time()}
    return {"kind": "Lease", "apiVersion": "coordination.k8s.io/v1", "metadata": metadata, "spec": spec}


def leader_lease(component: str, node: str) -> Item:
    """Of whoever leads the controllers, or the schedulers, since now."""
    spec = {"holderIdentity": f"{node}_{uuid.uuid4()}", "leaseDurationSeconds": 15, "leaseTransitions": 0}
    spec |= {"acquireTime": micro_time(), "renewTime": micro_time()}
    metadata = {"name": component, "namespace": "kube-system"}
    return {"kind": "Lease", "apiVersion": "coordination.k8s.io/v1", "metadata": metadata, "spec": spec}
