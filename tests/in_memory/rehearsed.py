"""Nodes, Pods and budgets as an API shows them, and what a rehearsal makes of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kubeadm_upgrade.drain.answer import obstacle
from kubeadm_upgrade.drain.obstacle import Obstacle
from kubeadm_upgrade.drain.pod_object import read_pod
from kubeadm_upgrade.drain.policy import DrainPolicy
from kubeadm_upgrade.rehearsal.budget import read_budgets
from kubeadm_upgrade.rehearsal.cast import cast_of
from kubeadm_upgrade.rehearsal.finding import Rehearsal
from kubeadm_upgrade.rehearsal.line import Line
from kubeadm_upgrade.rehearsal.rehearsal import rehearse
from kubeadm_upgrade.rehearsal.seen import Seen, read_node, read_pods, read_volumes

Json = dict[str, Any]

HOST = "kubernetes.io/hostname"
ZONE = "topology.kubernetes.io/zone"


def node(name: str, cpu: str = "4", *, zone: str = "", pods: str = "110", **spec: Any) -> Json:
    labels = {HOST: name, **({ZONE: zone} if zone else {}), **spec.pop("labels", {})}
    allocatable = {"cpu": cpu, "memory": "16Gi", "pods": pods, **spec.pop("allocatable", {})}
    return {"metadata": {"name": name, "labels": labels}, "spec": spec, "status": {"allocatable": allocatable}}


def plane(name: str = "cp1") -> Json:
    return node(name, taints=[{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}])


def pod(name: str, on: str, cpu: str = "0", *, app: str = "web", owner: str | None = "ReplicaSet", **more: Any) -> Json:
    """`ready`, `phase`, `labels` and `container` are said apart; whatever else is of its spec."""
    ready, phase = more.pop("ready", True), more.pop("phase", "Running")
    container = {"name": "app", "resources": {"requests": {"cpu": cpu}}, **more.pop("container", {})}
    metadata = {"name": name, "namespace": "shop", "uid": name, "labels": {"app": app, **more.pop("labels", {})}}
    if owner:
        metadata["ownerReferences"] = [{"kind": owner, "name": app, "controller": True}]
    status = {"phase": phase, "conditions": [{"type": "Ready", "status": str(ready)}]}
    return {"metadata": metadata, "spec": {"nodeName": on, "containers": [container], **more}, "status": status}


def budget(app: str, *, healthy: int, needed: int, expected: int, **spec: Any) -> Json:
    """As its controller has counted it."""
    status = {
        "expectedPods": expected,
        "currentHealthy": healthy,
        "desiredHealthy": needed,
        "disruptionsAllowed": max(0, healthy - needed),
        "observedGeneration": 1,
    }
    metadata = {"name": spec.pop("name", app), "namespace": "shop", "generation": spec.pop("generation", 1)}
    return {"metadata": metadata, "spec": {"selector": {"matchLabels": {"app": app}}, **spec}, "status": status}


def volume(claim: str, on: str) -> Json:
    """A local one."""
    term = {"matchExpressions": [{"key": HOST, "operator": "In", "values": [on]}]}
    affinity = {"required": {"nodeSelectorTerms": [term]}}
    reference = {"namespace": "shop", "name": claim}
    return {"metadata": {"name": f"pv-{claim}"}, "spec": {"claimRef": reference, "nodeAffinity": affinity}}


def claimed(*names: str) -> list[Json]:
    return [{"name": name, "persistentVolumeClaim": {"claimName": name}} for name in names]


def apart(app: str, topology: str = HOST, **more: Any) -> Json:
    """An anti-affinity that must hold."""
    term = {"topologyKey": topology, "labelSelector": {"matchLabels": {"app": app}}, **more}
    return {"podAntiAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


def near(app: str, topology: str = HOST) -> Json:
    term = {"topologyKey": topology, "labelSelector": {"matchLabels": {"app": app}}}
    return {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}


def on_nodes(key: str, *values: str, operator: str = "In") -> Json:
    """A node affinity that must hold."""
    term = {"matchExpressions": [{"key": key, "operator": operator, "values": list(values)}]}
    return {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [term]}}}


def spread(app: str, topology: str = HOST, skew: int = 1, **more: Any) -> list[Json]:
    selector = {"matchLabels": {"app": app}}
    return [
        {
            "topologyKey": topology,
            "maxSkew": skew,
            "whenUnsatisfiable": "DoNotSchedule",
            "labelSelector": selector,
            **more,
        }
    ]


def seen(nodes: Iterable[Json], pods: Sequence[Json], budgets: Iterable[Json] = (), **more: Any) -> Seen:
    """`volumes` are PersistentVolumes; `answers` are by a Pod's name, and of others nobody has asked."""
    known = read_pods(pods, map(read_pod, pods))
    volumes = read_volumes(more.pop("volumes", ()))
    return Seen(tuple(map(read_node, nodes)), known, read_budgets(budgets), volumes, **more)


def answered(name: str, status: int, said: Mapping[str, Any]) -> dict[str, Obstacle | None]:
    return {name: obstacle(f"shop/{name}", status, said)}


def rehearsed(there: Seen, *workers: str, at_once: int = 1, **policy: Any) -> Rehearsal:
    """Of these workers; without any, of all nodes but the control plane's."""
    names = workers or tuple(one.name for one in there.nodes if not one.name.startswith("cp"))
    return rehearse(there, cast_of(there, DrainPolicy(**policy)), Line(names, at_once=at_once))


def told(there: Seen, *workers: str, **how: Any) -> list[str]:
    return [f"{one.kind}: {one}" for one in rehearsed(there, *workers, **how).found]
