"""Looks at a cluster once and tries its evictions in a dry run: what drains would meet, and nothing is changed.

https://kubernetes.io/docs/reference/using-api/api-concepts/#dry-run
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TypeVar

from kubeadm_airflow.hooks.cluster_api import Json
from kubeadm_airflow.hooks.drain_api import DrainApi
from kubeadm_airflow.hooks.draining import RecentOwners, look_at_pods
from kubeadm_airflow.hooks.side_by_side import some_at_once
from kubeadm_upgrade import objects
from kubeadm_upgrade.drain.obstacle import Obstacle
from kubeadm_upgrade.drain.pod import PodFacts
from kubeadm_upgrade.drain.policy import DrainPolicy
from kubeadm_upgrade.errors import Forbidden, UpgradeError
from kubeadm_upgrade.inventory import Cluster
from kubeadm_upgrade.rehearsal.budget import read_budgets
from kubeadm_upgrade.rehearsal.cast import Leaving, cast_of
from kubeadm_upgrade.rehearsal.finding import Rehearsal
from kubeadm_upgrade.rehearsal.line import Line, line_of
from kubeadm_upgrade.rehearsal.rehearsal import rehearse, to_ask_about
from kubeadm_upgrade.rehearsal.seen import Seen, read_node, read_pods, read_volumes

log = logging.getLogger(__name__)

T = TypeVar("T")

AT_ONCE = 20  # evictions side by side
MOST = 1_000  # evictions of one rehearsal; of what is left budgets judge
SECONDS = 10.0  # for the evictions, and for each list: who waits for a rehearsal has something better to do


@dataclass(frozen=True)
class Looked:
    """Nodes, and the Pods that are on them with what a drain knows of each."""

    nodes: Sequence[Json]
    items: Sequence[Json]
    pods: Sequence[PodFacts]

    @cached_property
    def by_node(self) -> Mapping[str, tuple[PodFacts, ...]]:
        found: dict[str, list[PodFacts]] = defaultdict(list)
        for item, pod in zip(self.items, self.pods, strict=True):
            found[item["spec"]["nodeName"]].append(pod)
        return {name: tuple(pods) for name, pods in found.items()}


@dataclass
class _Answers:
    """What the API has said so far: who runs out of time has what was said before."""

    granted: dict[str, Obstacle | None] = field(default_factory=dict)
    silent: dict[str, str] = field(default_factory=dict)
    unknown: list[str] = field(default_factory=list)


async def look(api: DrainApi) -> Looked:
    nodes = await api.nodes()
    items = [item for item in await api.pods() if item["spec"].get("nodeName")]
    return Looked(nodes, items, await look_at_pods(api, items, RecentOwners()))


async def rehearse_now(cluster: Cluster, order: Collection[str] | None = None) -> Rehearsal:
    """The drains of these nodes in this order, or of all, as a run would take them."""
    async with DrainApi.open(cluster.kubernetes_conn_id) as api:
        looked = await look(api)
        line = line_of(objects.read_nodes(looked.nodes), cluster.rollout, order)
        return await rehearse_over(api, looked, cluster.rollout.drain, line)


async def rehearse_unasked(cluster: Cluster, order: Collection[str] | None = None) -> Rehearsal:
    """Where no person has asked for it: the cluster's file may say that nothing is to be tried."""
    if not cluster.rollout.drain.rehearsal:
        return Rehearsal.left_out(cluster.name)
    return await rehearse_now(cluster, order)


async def rehearse_beside(cluster: Cluster, order: Collection[str]) -> Rehearsal:
    """For a run that has something else to do: whatever goes wrong is part of the rehearsal."""
    try:
        return await rehearse_unasked(cluster, order)
    except UpgradeError as error:
        return Rehearsal.failed(error.what)


async def rehearse_over(api: DrainApi, looked: Looked, policy: DrainPolicy, line: Line) -> Rehearsal:
    """Of what was looked at. No run fails by it: a mistake of ours neither."""
    try:
        return await _rehearse(api.at_its_word(), looked, policy, line)
    except UpgradeError as error:
        return Rehearsal.failed(error.what)
    except Exception:
        log.exception("the drains could not be rehearsed")
        return Rehearsal.failed("by a mistake of kubeadm-fleet: the task's log has it")


async def _rehearse(api: DrainApi, looked: Looked, policy: DrainPolicy, line: Line) -> Rehearsal:
    (budgets, no_budgets), (volumes, no_volumes) = await asyncio.gather(
        _listed(api.all_budgets, read_budgets, "PodDisruptionBudgets"),
        _listed(api.volumes, read_volumes, "PersistentVolumes"),
    )
    seen = Seen(tuple(map(read_node, looked.nodes)), read_pods(looked.items, looked.pods), budgets, volumes)
    answers = _Answers(unknown=[why for why in (no_budgets, no_volumes) if why])
    cast = cast_of(seen, policy)
    await _try(api, to_ask_about(cast, line, MOST), answers)
    known = replace(seen, answers=answers.granted, silent=answers.silent, unknown=tuple(answers.unknown))
    return rehearse(known, cast, line)


async def _listed(
    ask: Callable[[], Awaitable[list[Json]]], read: Callable[[list[Json]], T], what: str
) -> tuple[T | None, str | None]:
    """What is made of them; or why they cannot be listed, or not in time."""
    try:
        async with asyncio.timeout(SECONDS):
            items = await ask()
    except TimeoutError:
        return None, f"{what} could not be listed within {SECONDS:g} seconds"
    except UpgradeError as error:
        return None, f"{what} could not be listed: {error}"
    return read(items), None


async def _try(api: DrainApi, leaving: Sequence[Leaving], answers: _Answers) -> None:
    """The first by itself: who may not evict at all need not be told so a thousand times."""
    if not leaving:
        return
    first, *others = leaving
    try:
        async with asyncio.timeout(SECONDS):
            await _ask(api, first, answers)
            await some_at_once([_ask(api, one, answers) for one in others], AT_ONCE)
    except Forbidden as error:
        answers.unknown.append(f"no eviction could be tried: {error}")
    except TimeoutError:
        answers.unknown.append(f"the API has not answered all evictions within {SECONDS:g} seconds")


async def _ask(api: DrainApi, one: Leaving, answers: _Answers) -> None:
    """Raises Forbidden of the first one."""
    pod, grace = one.pod.facts, one.verdict.treatment.grace
    try:
        answers.granted[pod.uid] = await api.evict(pod.namespace, pod.name, pod.uid, grace, dry_run=True)
    except UpgradeError as error:  # a webhook that has effects of its own knows no dry run
        if isinstance(error, Forbidden) and not (answers.granted or answers.silent):
            raise
        answers.silent[pod.uid] = str(error)
