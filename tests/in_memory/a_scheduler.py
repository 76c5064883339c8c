"""A scheduler to judge rehearsals by: slow, plain, and written from the documentation rather than from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Json = Mapping[str, Any]
CORDON = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}


def binds(pod: Json, nodes: Sequence[Json], running: Sequence[Json], cordoned: set[str]) -> list[str]:
    """The nodes that such a Pod may be bound to beside those that run."""
    return [one["metadata"]["name"] for one in nodes if _fits(pod, one, nodes, running, cordoned)]


def _fits(pod: Json, node: Json, nodes: Sequence[Json], running: Sequence[Json], cordoned: set[str]) -> bool:
    name, labels = node["metadata"]["name"], node["metadata"]["labels"]
    there = [one for one in running if one["spec"]["nodeName"] == name]
    taints = [*node["spec"].get("taints", []), *([CORDON] if name in cordoned else [])]
    if any(not _tolerated(taint, pod["spec"].get("tolerations", [])) for taint in taints):
        return False
    if any(labels.get(key) != value for key, value in pod["spec"].get("nodeSelector", {}).items()):
        return False
    if _cpu(pod) and sum(map(_cpu, there)) + _cpu(pod) > _milli(node["status"]["allocatable"]["cpu"]):
        return False
    if len(there) >= int(node["status"]["allocatable"]["pods"]):
        return False
    return not _crowded(pod, labels, nodes, running) and _even(pod, labels, nodes, running)


def _crowded(pod: Json, labels: Json, nodes: Sequence[Json], running: Sequence[Json]) -> bool:
    """By anti-affinity, of this Pod or of another: over the label of each term."""
    where = {one["metadata"]["name"]: one["metadata"]["labels"] for one in nodes}
    for other in running:
        theirs = where[other["spec"]["nodeName"]]
        for one, two in ((pod, other), (other, pod)):
            for term in _apart(one):
                key = term["topologyKey"]
                alike = key in labels and labels[key] == theirs.get(key)
                if alike and _chosen(term["labelSelector"], two):
                    return True
    return False


def _even(pod: Json, labels: Json, nodes: Sequence[Json], running: Sequence[Json]) -> bool:
    where = {one["metadata"]["name"]: one["metadata"]["labels"] for one in nodes}
    for spread in pod["spec"].get("topologySpreadConstraints", []):
        key = spread["topologyKey"]
        if key not in labels:
            return False
        counts = {one[key]: 0 for one in where.values() if key in one}
        for other in running:
            if key in where[other["spec"]["nodeName"]] and _chosen(spread["labelSelector"], other):
                counts[where[other["spec"]["nodeName"]][key]] += 1
        itself = int(_chosen(spread["labelSelector"], pod))
        if counts[labels[key]] + itself - min(counts.values()) > spread["maxSkew"]:
            return False
    return True


def _apart(pod: Json) -> Sequence[Json]:
    rules = pod["spec"].get("affinity", {}).get("podAntiAffinity", {})
    found: Sequence[Json] = rules.get("requiredDuringSchedulingIgnoredDuringExecution", [])
    return found


def _chosen(selector: Json, pod: Json) -> bool:
    return all(pod["metadata"]["labels"].get(key) == value for key, value in selector["matchLabels"].items())


def _tolerated(taint: Json, tolerations: Sequence[Json]) -> bool:
    if taint["effect"] == "PreferNoSchedule":
        return True
    return any(one.get("key") in (None, taint["key"]) and one.get("operator") == "Exists" for one in tolerations)


def _cpu(pod: Json) -> int:
    return sum(_milli(one["resources"]["requests"]["cpu"]) for one in pod["spec"]["containers"])


def _milli(text: str) -> int:
    return int(text[:-1]) if text.endswith("m") else int(text) * 1000
