"""What do pods look like? After golden/pods-1.22.json."""

from __future__ import annotations

import hashlib
import random
from typing import Any

from lab.store import Item
from lab.timestamps import rfc3339

MIRROR = "kubernetes.io/config.mirror"
_LETTERS = "bcdfghjklmnpqrstvwxz2456789"


def suffix(length: int = 5) -> str:
    return "".join(random.choices(_LETTERS, k=length))


def template_hash(*parts: object) -> str:
    return hashlib.md5(repr(parts).encode(), usedforsecurity=False).hexdigest()[:10]


def owner_reference(owner: Item) -> dict[str, Any]:
    metadata = owner["metadata"]
    reference = {"apiVersion": owner["apiVersion"], "kind": owner["kind"]}
    return reference | {
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def from_template(owner: Item, node: str | None) -> Item:
    """A new pod of a ReplicaSet or a DaemonSet, not running yet."""
    template, metadata = owner["spec"]["template"], owner["metadata"]
    spec = _TEMPLATE_DEFAULTS | template["spec"] | ({"nodeName": node} if node else {})
    return {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {
            "generateName": f"{metadata['name']}-",
            "name": f"{metadata['name']}-{suffix()}",
            "namespace": metadata["namespace"],
            "labels": dict(template["metadata"].get("labels", {})),
            **({"annotations": dict(noted)} if (noted := template["metadata"].get("annotations")) else {}),
            "ownerReferences": [owner_reference(owner)],
        },
        "spec": spec,
        "status": {"phase": "Pending", "qosClass": "BestEffort"},
    }


_TEMPLATE_DEFAULTS: dict[str, Any] = {
    "dnsPolicy": "ClusterFirst",
    "restartPolicy": "Always",
    "schedulerName": "default-scheduler",
    "securityContext": {},
    "serviceAccountName": "default",
    "terminationGracePeriodSeconds": 30,
}


def static_pod(component: str, node: Item, image: str, command: list[str], digest: str) -> Item:
    """The mirror pod of a control plane component."""
    name = node["metadata"]["name"]
    owner = owner_reference(node)
    del owner["blockOwnerDeletion"]
    annotations = {"kubernetes.io/config.hash": digest, MIRROR: digest}
    annotations |= {"kubernetes.io/config.seen": rfc3339(), "kubernetes.io/config.source": "file"}
    pod: Item = {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": {
            "name": f"{component}-{name}",
            "namespace": "kube-system",
            "labels": {"component": component, "tier": "control-plane"},
            "annotations": annotations,
            "ownerReferences": [owner],
        },
        "spec": {
            "containers": [
                {
                    "name": component,
                    "image": image,
                    "command": command,
                    "imagePullPolicy": "IfNotPresent",
                    "resources": {"requests": _REQUESTS[component]},
                }
            ],
            "hostNetwork": True,
            "nodeName": name,
            "priority": 2000001000,
            "priorityClassName": "system-node-critical",
            "restartPolicy": "Always",
            "tolerations": [{"effect": "NoExecute", "operator": "Exists"}],
        },
        "status": {"phase": "Pending", "qosClass": "Burstable"},
    }
    set_running(pod, _address(node))
    return pod


#: What kubeadm writes into manifests.
_REQUESTS = {
    "etcd": {"cpu": "100m", "memory": "100Mi"},
    "kube-apiserver": {"cpu": "250m"},
    "kube-controller-manager": {"cpu": "200m"},
    "kube-scheduler": {"cpu": "100m"},
}


def static_hash(component: str, node: str, image: str, minor: int) -> str:
    """What kubeadm prints as "Static pod: … hash"."""
    return hashlib.md5(f"{component} {node} {image} {minor}".encode(), usedforsecurity=False).hexdigest()


def _address(node: Item) -> str:
    return str(node["status"]["addresses"][0]["address"])


def set_running(pod: Item, host_ip: str) -> None:
    containers = pod["spec"]["containers"]
    pod["status"] |= {
        "phase": "Running",
        "conditions": [_true(kind) for kind in ("Initialized", "Ready", "ContainersReady", "PodScheduled")],
        "containerStatuses": [_container_status(one) for one in containers],
        "hostIP": host_ip,
        "podIP": host_ip if pod["spec"].get("hostNetwork") else f"10.244.{random.randrange(9)}.{random.randrange(250)}",
        "startTime": rfc3339(),
    }


def set_started(pod: Item, host_ip: str) -> None:
    """Its containers run, and their probes have not succeeded yet."""
    set_running(pod, host_ip)
    set_ready(pod, False)


def _true(kind: str) -> dict[str, Any]:
    return {"type": kind, "status": "True", "lastProbeTime": None, "lastTransitionTime": rfc3339()}


def _container_status(container: dict[str, Any]) -> dict[str, Any]:
    running = {
        "state": {"running": {"startedAt": rfc3339()}},
        "lastState": {},
        "ready": True,
        "started": True,
    }
    digest = hashlib.sha256(container["image"].encode()).hexdigest()
    status = {
        "name": container["name"],
        "image": container["image"],
        "imageID": f"sha256:{digest}",
        "restartCount": 0,
    }
    return status | running


def set_unschedulable(pod: Item, message: str) -> None:
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
    old = next(iter(pod["status"].get("conditions", [])), None)
    if old is None or old.get("message") != message:
        pod["status"]["conditions"] = [condition | {"lastProbeTime": None, "lastTransitionTime": rfc3339()}]


def set_ready(pod: Item, ready: bool) -> None:
    for condition in pod["status"].get("conditions", []):
        value = str(ready)
        if condition["type"] in ("Ready", "ContainersReady") and condition["status"] != value:
            condition |= {"status": value, "lastTransitionTime": rfc3339()}
    for container in pod["status"].get("containerStatuses", []):
        container["ready"] = ready


def is_ready(pod: Item) -> bool:
    conditions = pod["status"].get("conditions", [])
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


#: How long the application of a Pod takes to end once it is told to, in seconds; without it, next to nothing.
NEEDS = "lab/seconds-to-end"


def grace_of(pod: Item) -> float:
    return float(pod["spec"].get("terminationGracePeriodSeconds", 30))


def seconds_to_end(pod: Item) -> float | None:
    needs = pod["metadata"].get("annotations", {}).get(NEEDS)
    return None if needs is None else float(needs)


def is_terminating(pod: Item) -> bool:
    return "deletionTimestamp" in pod["metadata"]


def controller_of(pod: Item) -> dict[str, Any]:
    owners = pod["metadata"].get("ownerReferences", [])
    return next((one for one in owners if one.get("controller")), {})


def is_evictable(pod: Item) -> bool:
    """Would kubectl drain evict it: neither a mirror pod nor a DaemonSet's."""
    mirror = MIRROR in pod["metadata"].get("annotations", {})
    return not mirror and controller_of(pod).get("kind") != "DaemonSet" and not is_terminating(pod)


def must_have_gone(pod: Item) -> bool:
    """Before the kubelet of another minor release starts: also one that is on its way, or has finished."""
    mirror = MIRROR in pod["metadata"].get("annotations", {})
    return not mirror and controller_of(pod).get("kind") != "DaemonSet"
