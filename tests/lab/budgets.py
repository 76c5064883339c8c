"""How many disruptions does a PodDisruptionBudget allow, and may this pod be evicted?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from lab import pod_objects, statuses
from lab.kinds import BY_KIND
from lab.selectors import matches_selector
from lab.store import Item
from lab.timestamps import rfc3339

if TYPE_CHECKING:
    from lab.cluster import SimulatedCluster


def set_budget_status(cluster: SimulatedCluster, budget: Item) -> None:
    metadata, spec = budget["metadata"], budget["spec"]
    pods = [
        pod
        for pod in cluster.store.each("Pod", metadata["namespace"])
        if matches_selector(spec.get("selector"), pod["metadata"].get("labels", {}))
    ]
    expected = _expected(cluster, pods)
    healthy = sum(pod_objects.is_ready(pod) and not pod_objects.is_terminating(pod) for pod in pods)
    blocked = cluster.faults.blocks_budget(metadata["namespace"], metadata["name"])
    desired = max(healthy, expected) if blocked else _desired(spec, expected)
    status = budget.get("status", {})
    wanted = {
        "currentHealthy": healthy,
        "desiredHealthy": desired,
        "disruptionsAllowed": 0 if blocked else max(0, healthy - desired),
        "expectedPods": expected,
        "observedGeneration": metadata.get("generation", 1),
    }
    if {key: status.get(key) for key in wanted} != wanted:
        wanted["conditions"] = [_condition(wanted["disruptionsAllowed"], metadata.get("generation", 1))]
        edit = {"status": wanted}
        cluster.store.change("PodDisruptionBudget", metadata["namespace"], metadata["name"], lambda b: b.update(edit))


def _condition(allowed: int, generation: int) -> dict[str, Any]:
    return {
        "lastTransitionTime": rfc3339(),
        "message": "",
        "observedGeneration": generation,
        "reason": "SufficientPods" if allowed else "InsufficientPods",
        "status": str(bool(allowed)),
        "type": "DisruptionAllowed",
    }


def _expected(cluster: SimulatedCluster, pods: list[Item]) -> int:
    """The replicas their controllers want, not the pods that happen to exist."""
    owners = {(p["metadata"]["namespace"], pod_objects.controller_of(p).get("name")) for p in pods}
    kinds = ("ReplicaSet", "StatefulSet")
    sets = [cluster.store.find(kind, namespace, name) for namespace, name in owners if name for kind in kinds]
    bare = sum(1 for pod in pods if not pod_objects.controller_of(pod))
    return bare + sum(int(one["spec"]["replicas"]) for one in sets if one)


def _desired(spec: dict[str, Any], expected: int) -> int:
    if "minAvailable" in spec:
        return _scaled(spec["minAvailable"], expected)
    return max(0, expected - _scaled(spec.get("maxUnavailable", 0), expected))


def _scaled(value: int | str, total: int) -> int:
    if isinstance(value, str):
        return math.ceil(int(value[:-1]) * total / 100)
    return int(value)


def evict(
    cluster: SimulatedCluster, namespace: str, name: str, body: Item, dry_run: bool, told_dry_run: bool
) -> dict[str, Any]:
    """Answers and texts as golden/eviction-*-body.json.

    `told_dry_run`: whether admission knows of it. kube-apiserver's handlers/create.go builds what webhooks are told
    from the query alone; registry/core/pod/storage/eviction.go then takes a dry run by either for one.
    """
    options = body.get("deleteOptions") or {}
    _admit(cluster, namespace, name, told_dry_run)
    pod = cluster.store.get(BY_KIND["Pod"], namespace, name)
    if (uid := (options.get("preconditions") or {}).get("uid", pod["metadata"]["uid"])) != pod["metadata"]["uid"]:
        raise statuses.other_uid(name, uid, pod["metadata"]["uid"])
    if not _ignores_budgets(pod):
        budgets = over(cluster, pod)
        if len(budgets) > 1:
            message = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
            raise statuses.ApiError(500, "", message)
        if budgets:
            _spend(cluster, budgets[0], pod, dry_run)
    if not dry_run:
        cluster.take_away(pod, "evicted", options.get("gracePeriodSeconds"))
    return statuses.status(201, "", "")


def _admit(cluster: SimulatedCluster, namespace: str, name: str, dry_run: bool) -> None:
    """What stands before the API's own judgement: a namespace that is being deleted, admission, too much to do."""
    found = cluster.store.find("Namespace", None, namespace)
    if found is not None and found.get("status", {}).get("phase") == "Terminating":
        raise statuses.namespace_terminating(namespace)
    for fault in cluster.faults.of_evictions(namespace):
        if fault.kind == "webhook_denies":
            raise statuses.denied_by_webhook(fault.says)
        if fault.kind == "policy_denies":
            raise statuses.denied_by_policy(name, fault.says)
        if fault.kind == "api_busy":
            raise statuses.too_many_requests()
        if dry_run:
            raise statuses.knows_no_dry_run()
        cluster.records.effects.append(f"{namespace}/{name}")


def over(cluster: SimulatedCluster, pod: Item) -> list[Item]:
    """The budgets whose selector a pod matches."""
    labels = pod["metadata"].get("labels", {})
    return [
        one
        for one in cluster.store.each("PodDisruptionBudget", pod["metadata"]["namespace"])
        if matches_selector(one["spec"].get("selector"), labels)
    ]


def standing(cluster: SimulatedCluster, pod: Item) -> tuple[tuple[str, int, int], ...]:
    """Name, healthy Pods and needed ones of each budget over a pod, counted anew."""
    found = []
    for budget in over(cluster, pod):
        set_budget_status(cluster, budget)
        metadata = budget["metadata"]
        now = cluster.store.get(BY_KIND["PodDisruptionBudget"], metadata["namespace"], metadata["name"])["status"]
        found.append((metadata["name"], now["currentHealthy"], now["desiredHealthy"]))
    return tuple(found)


def _ignores_budgets(pod: Item) -> bool:
    return pod_objects.is_terminating(pod) or pod["status"].get("phase") in ("Pending", "Succeeded", "Failed")


def _spend(cluster: SimulatedCluster, budget: Item, pod: Item, dry_run: bool) -> None:
    # What the controller has not counted yet must not be spent twice.
    set_budget_status(cluster, budget)
    metadata = budget["metadata"]
    status = cluster.store.get(BY_KIND["PodDisruptionBudget"], metadata["namespace"], metadata["name"])["status"]
    if not pod_objects.is_ready(pod):
        always = budget["spec"].get("unhealthyPodEvictionPolicy") == "AlwaysAllow"
        if always or status["currentHealthy"] >= status["desiredHealthy"] > 0:
            return
    if status["disruptionsAllowed"] < 1:
        raise _refusal(metadata["name"], status)
    if not dry_run:
        left = status["disruptionsAllowed"] - 1
        cluster.store.change(
            "PodDisruptionBudget",
            metadata["namespace"],
            metadata["name"],
            lambda one: one["status"].update(disruptionsAllowed=left),
        )


def _refusal(name: str, status: dict[str, Any]) -> statuses.ApiError:
    wanted, current = status["desiredHealthy"], status["currentHealthy"]
    text = f"The disruption budget {name} needs {wanted} healthy pods and has {current} currently"
    causes = {"causes": [{"reason": "DisruptionBudget", "message": text}]}
    message = "Cannot evict pod as it would violate the pod's disruption budget."
    return statuses.ApiError(429, "TooManyRequests", message, causes)
