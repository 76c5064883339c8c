"""Brings a situation onto a node of a lab, as somebody with kubectl apply would."""

from __future__ import annotations

from typing import Any

from drained.situations import Item, OnNode, Owner, Situation
from lab import LabCluster

_API = {"ReplicaSet": "apps/v1", "StatefulSet": "apps/v1", "DaemonSet": "apps/v1", "Job": "batch/v1"}
SYSTEM = "kube-system"
INFO = {
    "kubeletVersion": "v1.27.16",
    "operatingSystem": "linux",
    "osImage": "Debian GNU/Linux 12 (bookworm)",
    "machineID": "0" * 32,
}


def furnish(cluster: LabCluster, situation: Situation) -> None:
    """A node of its own, and a namespace: what is there is nobody else's."""
    name = situation.name
    cluster.register_node(name, INFO, taint="nobody-else")
    cluster.apply([_object("v1", "Namespace", name, None, status={"phase": "Active"})])
    owners = {one for pod in situation.pods for one in (pod.owner, pod.also_owned_by) if one is not None}
    here = sorted((one for one in owners if one.exists and not one.namespace), key=str)
    cluster.apply([_controller(one, situation, 0) for one in here])
    pods = [_pod(cluster, situation, pod, number) for number, pod in enumerate(situation.pods)]
    # all at once: a controller that finds fewer Pods than it wants makes some
    cluster.apply([*pods, *(_controller(one, situation, sum(p.owner == one for p in situation.pods)) for one in here)])
    budgets = enumerate(situation.budgets)
    api = "policy/v1"
    cluster.apply(
        [_object(api, "PodDisruptionBudget", f"b{number}", name, spec=spec, status={}) for number, spec in budgets]
    )
    if situation.terminating_namespace:
        cluster.apply([_object("v1", "Namespace", name, None, status={"phase": "Terminating"})])
    if situation.webhook:
        cluster.faults.webhook_denies(name, "not on a Friday")


def _controller(owner: Owner, situation: Situation, replicas: int) -> Item:
    template = {"metadata": {"labels": {"app": "web"}}, "spec": _containers()}
    spec = {"replicas": replicas, "selector": {"matchLabels": {"app": "web"}}, "template": template}
    return _object(_API[owner.kind], owner.kind, owner.name, situation.name, spec=spec, status={})


def _pod(cluster: LabCluster, situation: Situation, pod: OnNode, number: int) -> Item:
    name, namespace = f"p{number}-{situation.name}", SYSTEM if pod.system else situation.name
    references = [_reference(cluster, one, situation.name) for one in (pod.owner, pod.also_owned_by) if one]
    metadata: dict[str, Any] = {"labels": {"app": "web"}, "ownerReferences": references}
    if pod.mirror:
        metadata["annotations"] = {"kubernetes.io/config.mirror": "x"}
    if pod.terminating:  # and not gone, since somebody holds it
        due = {"deletionTimestamp": "2026-11-27T00:00:30Z", "deletionGracePeriodSeconds": 30}
        metadata |= {**due, "finalizers": ["example.org/keep"]}
    ready = {"type": "Ready", "status": str(pod.ready)}
    spec = _containers() | {"nodeName": situation.name, "volumes": list(pod.volumes), "restartPolicy": pod.restart}
    item = _object("v1", "Pod", name, namespace, spec=spec, status={"phase": pod.phase, "conditions": [ready]})
    item["metadata"] |= metadata
    return item


def _containers() -> dict[str, Any]:
    return {"containers": [{"name": "app", "image": "registry.k8s.io/kube-proxy:v1.28.15"}]}


def _reference(cluster: LabCluster, owner: Owner, namespace: str) -> Item:
    """One that is gone has the uid of something that is there, or the garbage collector would take the Pod."""
    kind, where = (owner.kind, owner.namespace or namespace) if owner.exists else ("Namespace", None)
    found = cluster.object(kind, where, owner.name if owner.exists else namespace)
    assert found is not None
    api = _API.get(owner.kind, "apps.example.org/v1")
    reference = {"apiVersion": api, "kind": owner.kind, "name": owner.name, "uid": found["metadata"]["uid"]}
    return reference | {"controller": owner.is_controller}


def _object(api: str, kind: str, name: str, namespace: str | None, **rest: Any) -> Item:
    place = {"namespace": namespace} if namespace else {}
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name, **place}, **rest}
