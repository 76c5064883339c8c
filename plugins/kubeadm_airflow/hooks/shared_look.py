"""One look at a cluster serves all who wait for something of it in one triggerer, however many they are.

Whose turn it is: nobody acts by that, since whoever finds the gates open looks for itself first. How the control plane
is: workers that are out of service go by it, and the standing rules look for themselves before everything that is done.
"""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Generic, TypeVar
from weakref import WeakKeyDictionary

from kubeadm_airflow.hooks.cluster_api import ClusterApi
from kubeadm_airflow.hooks.file_of_now import file_of_now
from kubeadm_airflow.hooks.sights import look_at_nodes
from kubeadm_upgrade import objects
from kubeadm_upgrade.admission.lane import Lane
from kubeadm_upgrade.admission.members import lane_of
from kubeadm_upgrade.assignment import Assignment
from kubeadm_upgrade.control_plane import ControlPlaneFacts
from kubeadm_upgrade.errors import UpgradeError
from kubeadm_upgrade.facts import NodeFacts
from kubeadm_upgrade.inventory import Cluster
from kubeadm_upgrade.ledger.ledger import Ledger
from kubeadm_upgrade.unseen import UNSEEN

T = TypeVar("T")
Nodes = tuple[tuple[NodeFacts, ...], ControlPlaneFacts]

# Of Nodes, a list of which may have megabytes. Whoever is done changes the ledger, and then they are listed at once.
NODES_SECONDS = 10.0


class SharedLook(Generic[T]):
    """At one cluster, by one event loop. It has a connection as long as anybody uses it."""

    def __init__(self, name: str, see: Callable[[ClusterApi, Cluster, T | None], Awaitable[T]]) -> None:
        self._name = name
        self._see = see
        self._users = 0
        self._connection = AsyncExitStack()
        self._api: ClusterApi | None = None
        self._cluster: Cluster | None = None
        self._looking: asyncio.Task[T | UpgradeError] | None = None
        self._looked_at = float("-inf")
        self._last: T | None = None

    @asynccontextmanager
    async def used(self) -> AsyncIterator[SharedLook[T]]:
        self._users += 1
        try:
            yield self
        finally:
            self._users -= 1
            if not self._users:
                if self._looking is not None:
                    self._looking.cancel()
                    self._looking = None
                await self._forget()

    async def newest(self, seconds: float) -> T:
        """What was seen no more than so many seconds ago. What a look fails with, all who have asked for it raise."""
        if self._looking is None or (self._looking.done() and time.monotonic() - self._looked_at >= seconds):
            self._looked_at = time.monotonic()
            self._looking = asyncio.create_task(self._look())
        seen = await asyncio.shield(self._looking)
        if isinstance(seen, UpgradeError):
            raise copy.copy(seen)  # whoever catches it notes its own progress in it
        return seen

    async def _look(self) -> T | UpgradeError:
        try:
            self._cluster = cluster = await file_of_now(self._name, self._cluster)
            if self._api is None:
                self._api = await self._connection.enter_async_context(ClusterApi.open(cluster.kubernetes_conn_id))
            self._last = seen = await self._see(self._api, cluster, self._last)
        except UpgradeError as error:
            await self._forget()
            return error
        return seen

    async def _forget(self) -> None:
        """The connection, and with it what was seen: the next look reads credentials anew."""
        connection, self._connection = self._connection, AsyncExitStack()
        self._api = self._cluster = self._last = None
        await connection.aclose()


@dataclass(frozen=True)
class Line:
    """All that decides whose turn it is among workers. The ledger is the one before the Nodes."""

    cluster: Cluster
    ledger: Ledger
    nodes: dict[str, NodeFacts]
    listed_at: float
    _lanes: dict[object, Lane] = field(default_factory=dict)

    def lane(self, work: Assignment) -> Lane:
        """The same for every node of a run's group."""
        key = (work.run, work.group, work.hop.to, work.hop.control_plane, work.hop.workers)
        if key not in self._lanes:
            nodes, policy = tuple(self.nodes.values()), self.cluster.rollout
            self._lanes[key] = lane_of(work.group, work.hop, work.run, policy, nodes, UNSEEN, self.ledger)
        return self._lanes[key]


async def _see_line(api: ClusterApi, cluster: Cluster, last: Line | None) -> Line:
    ledger, _ = await api.ledger()
    if last is not None and last.ledger == ledger and time.monotonic() - last.listed_at < NODES_SECONDS:
        # the lanes as well, unless somebody has edited how many may be out of service
        return last if last.cluster == cluster else Line(cluster, ledger, last.nodes, last.listed_at)
    listed_at = time.monotonic()
    nodes = objects.read_nodes(await api.nodes())
    return Line(cluster, ledger, {node.name: node for node in nodes}, listed_at)


async def _see_nodes(api: ClusterApi, _: Cluster, __: Nodes | None) -> Nodes:
    return await look_at_nodes(api)


class _Looks:
    """Of one event loop, at all clusters."""

    def __init__(self) -> None:
        self.lines: dict[str, SharedLook[Line]] = {}
        self.nodes: dict[str, SharedLook[Nodes]] = {}


_looks: WeakKeyDictionary[asyncio.AbstractEventLoop, _Looks] = WeakKeyDictionary()


def _here() -> _Looks:
    return _looks.setdefault(asyncio.get_running_loop(), _Looks())


def shared_line(cluster: str) -> SharedLook[Line]:
    """Whose turn it is in a cluster."""
    return _here().lines.setdefault(cluster, SharedLook(cluster, _see_line))


def shared_nodes(cluster: str) -> SharedLook[Nodes]:
    """The Nodes of a cluster, and how its control plane is."""
    return _here().nodes.setdefault(cluster, SharedLook(cluster, _see_nodes))
