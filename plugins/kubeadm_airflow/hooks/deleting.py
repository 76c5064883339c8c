"""Delete a Pod that no budget lets go, where a person has agreed to just that; and what is shown to them before.

What is judged by is asked for right before each deletion: the ledger, and owners, budgets and Pods of the namespace.
The ledger notes a Pod before it is deleted, and is written only as it was read: so of two drains that judge at once by
each other's Pods, the later one judges anew, and counts on none that the other is about to delete.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from kubeadm_airflow.hooks import draining
from kubeadm_airflow.hooks.cluster_api import Json
from kubeadm_airflow.hooks.drain_api import DrainApi
from kubeadm_airflow.hooks.draining import AT_ONCE, RecentOwners, Refused, look_at_attached, look_at_pods
from kubeadm_airflow.hooks.side_by_side import all_at_their_end
from kubeadm_upgrade import objects
from kubeadm_upgrade.actions import Evict, EvictOrDelete, MarkToCome
from kubeadm_upgrade.assignment import RunId
from kubeadm_upgrade.drain import waiting
from kubeadm_upgrade.drain.blocked import Blocked, Candidate
from kubeadm_upgrade.drain.deletion import Around, why_kept
from kubeadm_upgrade.drain.filters import Fate, leaving
from kubeadm_upgrade.drain.obstacle import Obstacle
from kubeadm_upgrade.drain.pod import PodFacts
from kubeadm_upgrade.drain.pod_object import read_pod
from kubeadm_upgrade.errors import Conflict, Forbidden
from kubeadm_upgrade.inventory import Cluster
from kubeadm_upgrade.ledger.ledger import Ledger

log = logging.getLogger(__name__)

_SHORTEST = 1  # second of grace: none at all would kill a Pod without asking it
_RIGHT = "docs/rbac.yaml: ClusterRole kubeadm-fleet-delete-pods"


async def look_around(api: DrainApi, namespace: str, ledger: Ledger) -> tuple[Around, dict[str, Json]]:
    """A namespace as it is now, and its Pods as the API shows them, by UID: they change fastest, and come last."""
    makers, budgets = await asyncio.gather(api.makers(namespace), api.budgets(namespace))
    items = await api.pods_in(namespace)
    pods = [read_pod(item) for item in items]
    around = Around(pods, makers, budgets, ledger.deleted_pods)
    return around, {pod.uid: item for pod, item in zip(pods, items, strict=True)}


async def act(api: DrainApi, action: Evict | EvictOrDelete | MarkToCome, node: str, run: RunId) -> Refused:
    """An action of this node's drain. Returns why it could not take effect yet."""
    if isinstance(action, EvictOrDelete):
        return await evict_or_delete(api, action, node, run)
    return await draining.act(api, action)


async def evict_or_delete(api: DrainApi, action: EvictOrDelete, node: str, run: RunId) -> Obstacle | None:
    """Returns why it goes neither way yet. Raises Conflict where the ledger was changed meanwhile: nothing is done."""
    was_left = await _was_left(api, action)
    refused = await api.evict(action.namespace, action.pod, action.uid, action.grace)
    if refused is None and was_left:
        await _not_after_all(api, node, action.uid)
    if refused is None or not refused.is_judged:
        return refused
    may = await api.may_delete_pods(action.namespace)
    ledger, there = await api.ledger()
    around, items = await look_around(api, action.namespace, ledger)
    pod, permit = around.pod(action.uid), ledger.permit_of(node, run)
    agreed = permit.of(action.uid) if permit else None
    if pod is None or pod.terminating:
        return None  # it goes by now
    refused = replace(refused, budgets=tuple(one.budget for one in around.under(pod)))
    if agreed is None:
        return refused  # somebody has taken it back meanwhile
    if kept := why_kept(pod, around) or (None if may else f"the API forbids it ({_RIGHT})"):
        return replace(refused, kept=kept)
    noted = ledger.deleting(node, action.uid, datetime.now(UTC))
    if noted != ledger:
        await api.write_ledger(noted, there)
    log.warning("%s: deleting pod %s around its budget, %s", node, pod, agreed.approval)
    kept = await _deleted(api, action, items[action.uid])
    if kept is None:
        return None
    await _not_after_all(api, node, action.uid)
    return replace(refused, kept=kept)


async def _was_left(api: DrainApi, action: EvictOrDelete) -> bool:
    """Whether somebody has noted that the Pod is deleted, and has died before it was."""
    ledger, _ = await api.ledger()
    if action.uid not in ledger.deleted_pods:
        return False
    pods = map(read_pod, await api.pods_in(action.namespace))
    return any(pod.uid == action.uid and not pod.terminating for pod in pods)


async def _deleted(api: DrainApi, action: EvictOrDelete, item: Json) -> str | None:
    """Returns why the API does not do it, None where it does. Of an error nobody knows which."""
    try:
        refused = await api.delete_pod(action.namespace, action.pod, action.uid, _grace(action, item))
    except Forbidden as forbidden:
        return f"the API forbids it ({_RIGHT}): {forbidden.what}"
    return refused.words if refused else None


async def _not_after_all(api: DrainApi, node: str, uid: str) -> None:
    """What was noted to be deleted was not."""
    while True:
        ledger, there = await api.ledger()
        if (changed := ledger.deleting(node, uid, None)) == ledger:
            return
        with suppress(Conflict):  # somebody was quicker: see who
            await api.write_ledger(changed, there)


def _grace(action: EvictOrDelete, item: Json) -> int | None:
    """As an eviction's; but for a Pod that says of itself that it needs none."""
    own = item["spec"].get("terminationGracePeriodSeconds")
    return _SHORTEST if action.grace is None and own is not None and own < _SHORTEST else action.grace


async def look_at_blocked(cluster: Cluster, node: str) -> Blocked:
    """What keeps a node's drain from going on now, and what of it could be deleted. Raises ObjectNotFound."""
    policy = cluster.rollout.drain
    async with DrainApi.open(cluster.kubernetes_conn_id) as api:
        there = objects.read_node(await api.node(node))
        pods = await look_at_pods(api, await api.pods_on(node), RecentOwners(), there.cordoned_at)
        going = leaving(pods, policy)
        candidates = await _candidates(api, [one.pod for one in going if one.is_to_be_evicted])
        attached = await look_at_attached(api, node, pods, policy)
    waits = [one for one in going if one.fate is Fate.GOES and not one.is_to_be_evicted]
    refusals = (str(one) for one in going if one.fate is Fate.BLOCKS)
    others = (*refusals, *map(str, waiting.obstacles(waits, attached, datetime.now(UTC))))
    return Blocked(cluster.name, node, there.unschedulable, candidates, others)


async def _candidates(api: DrainApi, pods: Sequence[PodFacts]) -> tuple[Candidate, ...]:
    """Those that are not granted an eviction now: a dry run asks, and moves nothing."""
    ledger, _ = await api.ledger()
    answers = await all_at_their_end(
        (api.evict(one.namespace, one.name, one.uid, dry_run=True) for one in pods), AT_ONCE
    )
    refused = [(pod, why) for pod, why in zip(pods, answers, strict=True) if why is not None]
    namespaces = dict.fromkeys(pod.namespace for pod, _ in refused)
    arounds = {name: (await look_around(api, name, ledger))[0] for name in namespaces}
    return tuple(
        Candidate.of(now, why, arounds[pod.namespace])
        for pod, why in refused
        if (now := arounds[pod.namespace].pod(pod.uid)) is not None
    )
