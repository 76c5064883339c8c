"""One look at a cluster serves all who wait at its gates in one triggerer, however many they are.

Nobody acts by it: whoever finds the gates open looks for itself first. So it may be a little old, and whether a node is
let in is decided as if there were none.
"""

from __future__ import annotations

import asyncio
import copy
import logging
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from weakref import WeakKeyDictionary

from kubeadm_airflow.hooks.cluster_api import ClusterApi
from kubeadm_upgrade import objects
from kubeadm_upgrade.admission.lane import Lane
from kubeadm_upgrade.admission.members import lane_of
from kubeadm_upgrade.assignment import Assignment
from kubeadm_upgrade.errors import UpgradeError
from kubeadm_upgrade.facts import NodeFacts
from kubeadm_upgrade.inventory import Cluster, InventoryError, load_cluster_named
from kubeadm_upgrade.ledger.ledger import Ledger
from kubeadm_upgrade.unseen import UNSEEN

log = logging.getLogger(__name__)

# Of Nodes, a list of which may have megabytes. Whoever is done changes the ledger, and then they are listed at once.
NODES_SECONDS = 10.0


@dataclass(frozen=True)
class Seen:
    """A cluster at one moment, as far as it decides whose turn it is. The ledger is the one before the Nodes."""

    cluster: Cluster
    ledger: Ledger
    nodes: dict[str, NodeFacts]
    _lanes: dict[object, Lane] = field(default_factory=dict)

    def lane(self, work: Assignment) -> Lane:
        """The same for every node of a run's group."""
        key = (work.run, work.group, work.hop.to, work.hop.control_plane, work.hop.workers)
        if key not in self._lanes:
            nodes, policy = tuple(self.nodes.values()), self.cluster.rollout
            self._lanes[key] = lane_of(work.group, work.hop, work.run, policy, nodes, UNSEEN, self.ledger)
        return self._lanes[key]


class SharedLook:
    """At one cluster, by one event loop. It has a connection as long as anybody uses it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._users = 0
        self._connection = AsyncExitStack()
        self._api: ClusterApi | None = None
        self._looking: asyncio.Task[Seen | UpgradeError] | None = None
        self._looked_at = self._listed_at = float("-inf")
        self._last: Seen | None = None

    @asynccontextmanager
    async def used(self) -> AsyncIterator[SharedLook]:
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

    async def newest(self, seconds: float) -> Seen:
        """What was seen no more than so many seconds ago. What a look fails with, all who have asked for it raise."""
        if self._looking is None or (self._looking.done() and time.monotonic() - self._looked_at >= seconds):
            self._looked_at = time.monotonic()
            self._looking = asyncio.create_task(self._look())
        seen = await asyncio.shield(self._looking)
        if isinstance(seen, UpgradeError):
            raise copy.copy(seen)  # whoever catches it notes its own progress in it
        return seen

    async def _look(self) -> Seen | UpgradeError:
        try:
            self._last = await self._see()
        except UpgradeError as error:
            await self._forget()
            return error
        return self._last

    async def _see(self) -> Seen:
        cluster = await self._read_inventory()
        if self._api is None:
            self._api = await self._connection.enter_async_context(ClusterApi.open(cluster.kubernetes_conn_id))
        (ledger, _), last = await self._api.ledger(), self._last
        if last is not None and last.ledger == ledger and time.monotonic() - self._listed_at < NODES_SECONDS:
            # the lanes as well, unless somebody has edited how many may be out of service
            return last if last.cluster == cluster else Seen(cluster, ledger, last.nodes)
        self._listed_at = time.monotonic()
        nodes = objects.read_nodes(await self._api.nodes())
        return Seen(cluster, ledger, {node.name: node for node in nodes})

    async def _read_inventory(self) -> Cluster:
        """A file that is being edited is no reason to stop: the last good one holds."""
        try:
            return await asyncio.to_thread(load_cluster_named, self._name)
        except InventoryError as error:
            if self._last is None:
                raise
            log.warning("%s: its file cannot be used, so what it said before still holds: %s", self._name, error)
            return self._last.cluster

    async def _forget(self) -> None:
        """The connection, and with it what was seen: the next look reads credentials anew."""
        connection, self._connection = self._connection, AsyncExitStack()
        self._api = self._last = None
        await connection.aclose()


_looks: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, SharedLook]] = WeakKeyDictionary()


def shared_look(cluster: str) -> SharedLook:
    """The look of this event loop at a cluster."""
    return _looks.setdefault(asyncio.get_running_loop(), {}).setdefault(cluster, SharedLook(cluster))
