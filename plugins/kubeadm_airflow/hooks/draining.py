"""What a drain looks at and does through the API: Pods with their owners, volumes, nodes to come, evictions."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from kubeadm_airflow.hooks.cluster_api import Json
from kubeadm_airflow.hooks.drain_api import DrainApi
from kubeadm_airflow.hooks.side_by_side import all_at_their_end
from kubeadm_upgrade import objects
from kubeadm_upgrade.actions import Evict, MarkToCome
from kubeadm_upgrade.assignment import RunId
from kubeadm_upgrade.drain import obstacle, to_come
from kubeadm_upgrade.drain.attachment import Attachment, of_the_evicted, read_attachments
from kubeadm_upgrade.drain.filters import leaving, staying
from kubeadm_upgrade.drain.obstacle import Obstacle, Why
from kubeadm_upgrade.drain.pod import PodFacts
from kubeadm_upgrade.drain.pod_object import Owner, owner_of, read_pod, with_owner
from kubeadm_upgrade.drain.policy import DrainPolicy
from kubeadm_upgrade.errors import Conflict, ObjectNotFound
from kubeadm_upgrade.inventory import Cluster

log = logging.getLogger(__name__)

Refused = str | Obstacle | None

AT_ONCE = 10  # requests of one drain side by side
OWNERS_SECONDS = 60.0


class RecentOwners:
    """What owners of Pods say, asked for once a minute and not at every look."""

    def __init__(self) -> None:
        self._seen: dict[Owner, Json | None] = {}
        self._since = float("-inf")

    async def of(self, api: DrainApi, pods: Iterable[PodFacts]) -> Mapping[Owner, Json | None]:
        if time.monotonic() - self._since > OWNERS_SECONDS:
            self._seen, self._since = {}, time.monotonic()
        wanted = {owner for pod in pods if (owner := owner_of(pod))}
        self._seen |= await api.owners(wanted - self._seen.keys())
        return self._seen


async def look_at_pods(
    api: DrainApi, items: Iterable[Json], owners: RecentOwners, cordoned_at: datetime | None = None
) -> tuple[PodFacts, ...]:
    """With what their owners say of them; on a node that was cordoned at that time."""
    pods = [read_pod(item, cordoned_at) for item in items]
    found = await owners.of(api, pods)
    return tuple(with_owner(pod, found) for pod in pods)


async def look_at_attached(
    api: DrainApi, node: str, pods: Sequence[PodFacts], policy: DrainPolicy
) -> tuple[Attachment, ...]:
    """Volumes of Pods that have gone. As long as some are still to go, nobody asks for their volumes."""
    if not policy.wait_for_volumes or leaving(pods, policy):
        return ()
    found = read_attachments(await api.attachments(), node)
    if not found:
        return ()
    claims = [(pod.namespace, claim) for pod in staying(pods, policy) for claim in pod.claims]
    stay = {await api.volume_of(*claim) for claim in claims}
    return of_the_evicted(found, stay - {""})


async def mark(api: DrainApi, nodes: Sequence[str]) -> str | None:
    """Put the taint on them. Returns which of them somebody else has changed meanwhile."""
    changed = await all_at_their_end((_set_taints(api, name, wanted=True) for name in nodes), AT_ONCE)
    missed = [name for name, is_done in zip(nodes, changed, strict=True) if not is_done]
    return f"somebody else changed {', '.join(missed)} meanwhile" if missed else None


async def take_marks_off(cluster: Cluster, run: RunId) -> None:
    """At a run's end: off every node that has one, whichever run has put it there. Nothing where another has come."""
    async with DrainApi.open(cluster.kubernetes_conn_id) as api:
        ledger, _ = await api.ledger()
        if ledger.is_held_by(run):
            await _unmark_all(api)


async def _unmark_all(api: DrainApi) -> None:
    nodes = objects.read_nodes(await api.nodes())
    left = [node.name for node in nodes if to_come.is_marked(node.taints)]
    for _ in range(3):  # one that is changed all the time shows it in the report
        done = await all_at_their_end((_set_taints(api, name, wanted=False) for name in left), AT_ONCE)
        left = [name for name, is_done in zip(left, done, strict=True) if not is_done]
    if left:
        log.warning("the taint %s is left on %s", to_come.TAINT, ", ".join(left))


async def _set_taints(api: DrainApi, name: str, *, wanted: bool) -> bool:
    """Over the taints as they are now: a patch replaces the list as a whole."""
    try:
        node = await api.node(name)
        taints = node["spec"].get("taints") or []
        if to_come.is_marked(taints) is wanted:
            return True
        now = to_come.with_taint(taints) if wanted else to_come.without_taint(taints)
        metadata = {"resourceVersion": node["metadata"]["resourceVersion"]}
        await api.patch_node(name, {"spec": {"taints": now or None}, "metadata": metadata})
    except Conflict:
        return False
    except ObjectNotFound:
        pass  # it has left the cluster
    return True


async def act(api: DrainApi, action: Evict | MarkToCome) -> Refused:
    """Returns why it could not take effect yet."""
    if isinstance(action, MarkToCome):
        return await mark(api, action.nodes)
    return await api.evict(action.namespace, action.pod, action.uid, action.grace)


async def with_budgets(
    api: DrainApi, evictions: Sequence[Evict], answers: Sequence[Refused], pods: Iterable[PodFacts]
) -> list[Refused]:
    """Whoever is refused for a budget is told what that budget allows; each namespace is asked once."""
    refused = {
        one.namespace
        for one, why in zip(evictions, answers, strict=True)
        if isinstance(why, Obstacle) and why.why in (Why.BUDGET, Why.BUDGETS)
    }
    by_uid = {pod.uid: pod for pod in pods}
    budgets = {namespace: await api.budgets(namespace) for namespace in sorted(refused)}
    return [
        _with_budgets(why, by_uid.get(one.uid), budgets.get(one.namespace, []))
        for one, why in zip(evictions, answers, strict=True)
    ]


def _with_budgets(why: Refused, pod: PodFacts | None, budgets: list[Json]) -> Refused:
    if not isinstance(why, Obstacle) or pod is None or why.why not in (Why.BUDGET, Why.BUDGETS):
        return why
    return replace(why, budgets=obstacle.over(pod.labels, budgets))
