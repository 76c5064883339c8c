"""The scheduler: which nodes take a pod, and what it writes where none does."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from lab import node_objects
from lab.store import Item

if TYPE_CHECKING:
    from lab.cluster import SimulatedCluster

_UNITS = {"m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


def why_not(cluster: SimulatedCluster, pod: Item, node: Item) -> list[str]:
    """In the words of kube-scheduler, of the first filter that says no; nothing where it fits."""
    tolerations = pod["spec"].get("tolerations", [])
    cordon = {"key": node_objects.UNSCHEDULABLE, "effect": "NoSchedule"}
    # the scheduler does not wait for the taint
    if not node_objects.is_schedulable(node) and not _tolerated(cordon, tolerations):
        return ["node(s) were unschedulable"]
    for taint in node["spec"].get("taints", []):
        if taint["effect"] in ("NoSchedule", "NoExecute") and not _tolerated(taint, tolerations):
            return [f"node(s) had untolerated taint {{{taint['key']}: {taint.get('value', '')}}}"]
    labels = node["metadata"]["labels"]
    if any(labels.get(key) != value for key, value in pod["spec"].get("nodeSelector", {}).items()):
        return ["node(s) didn't match Pod's node affinity/selector"]
    return _lacking(cluster, pod, node)


def message(cluster: SimulatedCluster, pod: Item) -> str:
    """What the condition PodScheduled says of a pod that no node takes."""
    nodes = list(cluster.store.each("Node"))
    reasons = Counter(reason for node in nodes for reason in why_not(cluster, pod, node))
    told = sorted(f"{count} {reason}" for reason, count in reasons.items())
    return f"0/{len(nodes)} nodes are available: {', '.join(told)}."


def _lacking(cluster: SimulatedCluster, pod: Item, node: Item) -> list[str]:
    """Whoever asks for nothing, as most pods of a lab, is not counted: it fits while a node is there."""
    wanted = _requests(pod)
    if not wanted:
        return []
    there = [one for one in cluster.pods_on(node["metadata"]["name"]) if not _has_finished(one)]
    taken: Counter[str] = Counter()
    for one in there:
        taken.update(_requests(one))
    allocatable = {name: _number(text) for name, text in node["status"].get("allocatable", {}).items()}
    full = ["Too many pods"] if len(there) >= allocatable.get("pods", 0) else []
    lacking = [name for name, amount in wanted.items() if taken[name] + amount > allocatable.get(name, 0)]
    return full + [f"Insufficient {name}" for name in lacking]


def _requests(pod: Item) -> dict[str, float]:
    total: Counter[str] = Counter()
    for container in pod["spec"]["containers"]:
        total.update({n: _number(a) for n, a in container.get("resources", {}).get("requests", {}).items()})
    return dict(total)


def _has_finished(pod: Item) -> bool:
    return pod["status"].get("phase") in ("Succeeded", "Failed")


def _number(text: str) -> float:
    unit = next((unit for unit in _UNITS if text.endswith(unit)), "")
    return float(text.removesuffix(unit)) * _UNITS.get(unit, 1)


def _tolerated(taint: Item, tolerations: list[Item]) -> bool:
    return any(_tolerates(one, taint) for one in tolerations)


def _tolerates(toleration: Item, taint: Item) -> bool:
    same_effect = toleration.get("effect") in (None, "", taint["effect"])
    same_key = toleration.get("key") in (None, "", taint["key"])
    exists = toleration.get("operator") == "Exists"
    return same_effect and same_key and (exists or toleration.get("value", "") == taint.get("value", ""))
