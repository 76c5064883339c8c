"""The engine's port for one node: `look` gathers the facts that a step needs, `act` carries out one action."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any, TypeVar

from kubeadm_airflow.hooks.cluster_api import ClusterApi
from kubeadm_airflow.hooks.host import Host, address_of, failure
from kubeadm_upgrade import looks, objects, units
from kubeadm_upgrade.actions import Action, Evict, GiveSlotBack, PatchNode, Run, TakeSlot
from kubeadm_upgrade.errors import Conflict
from kubeadm_upgrade.facts import (
    NO_CONTROL_PLANE,
    NO_HOST,
    NO_LANE,
    Backup,
    ControlPlaneFacts,
    Facts,
    HostFacts,
    NodeFacts,
    UpgradePlan,
)
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.inventory import Cluster
from kubeadm_upgrade.lanes import lane_of
from kubeadm_upgrade.look import Look, look
from kubeadm_upgrade.packages import locks
from kubeadm_upgrade.packages.port import manager_of
from kubeadm_upgrade.slots import Lane, Slots
from kubeadm_upgrade.steps import Need, Step
from kubeadm_upgrade.units import Unit

log = logging.getLogger(__name__)
T = TypeVar("T")

# sshd's MaxSessions is 10 by default; looks side by side stay well below it
SESSIONS_AT_ONCE = 4


class NodePort:
    """One node, seen and touched through its cluster's API and through its host."""

    def __init__(self, cluster: Cluster, hop: Hop, group: str, node: str, api: ClusterApi, stack: AsyncExitStack):
        self._cluster = cluster
        self._hop = hop
        self._group = group
        self._node = node
        self._api = api
        self._stack = stack
        self._host: Host | None = None
        self._slots = Slots()
        self._slots_version: str | None = None
        self._following: set[str] = set()  # units whose journal the task log still owes

    @classmethod
    @asynccontextmanager
    async def open(cls, cluster: Cluster, hop: Hop, group: str, node: str) -> AsyncIterator[NodePort]:
        """Connect to the API now and to the host when a step first needs it."""
        async with AsyncExitStack() as stack:
            api = await stack.enter_async_context(ClusterApi.open(cluster.kubernetes_conn_id))
            yield cls(cluster, hop, group, node, api, stack)

    async def look(self, step: Step, needs: frozenset[Need] | None = None) -> Facts:
        """What the step must know, as it is now. `needs` widens it for a rehearsal of several steps."""
        wanted = step.needs if needs is None else needs
        node = objects.read_node(await self._api.node(self._node))
        control_plane = await look_at_control_plane(self._api) if self._needs_control_plane(wanted) else None
        host = await self._look_at_host(step, wanted, node, control_plane) if Need.HOST in wanted else None
        pods = await self._api.pods_on(self._node) if Need.PODS in wanted else []
        lane = await self._look_at_lane(control_plane) if Need.LANE in wanted else None
        here = tuple(objects.read_pod(pod, node.cordoned_at) for pod in pods)
        return Facts(node, host or NO_HOST, here, control_plane or NO_CONTROL_PLANE, lane or NO_LANE)

    async def act(self, action: Action) -> str | None:
        """Carry out one action. Returns why it cannot take effect yet, None when it did."""
        log.info("%s: %s", self._node, action)
        try:
            match action:
                case Run():
                    return await self._run(action)
                case PatchNode(node=node, patch=patch):
                    await self._api.patch_node(node, patch)
                case Evict(namespace=namespace, pod=pod, uid=uid):
                    return await self._api.evict(namespace, pod, uid)
                case TakeSlot(lane=lane, node=node):
                    await self._write_slots(self._slots.take(lane, node, self._hop.run))
                case GiveSlotBack(lane=lane, node=node):
                    await self._write_slots(self._slots.give_back(lane, node))
        except Conflict as conflict:
            return f"somebody else changed it meanwhile ({conflict})"
        return None

    def _needs_control_plane(self, wanted: frozenset[Need]) -> bool:
        return Need.CONTROL_PLANE in wanted or (Need.LANE in wanted and self._group == "control_plane")

    async def _open_host(self, node: NodeFacts | None = None) -> Host:
        if self._host is None:
            node = node or objects.read_node(await self._api.node(self._node))
            opened = Host.open(self._cluster, address_of(self._cluster, node))
            self._host = await self._stack.enter_async_context(opened)
        return self._host

    async def _look_at_host(
        self, step: Step, wanted: frozenset[Need], node: NodeFacts, control_plane: ControlPlaneFacts | None
    ) -> HostFacts:
        host = await self._open_host(node)
        unit = step.unit(self._hop)
        # first, so that what a unit that has ended did is what is seen after it
        units = {unit: await self._look_at_unit(host, unit)} if unit else {}
        facts = await look_at_host(host)
        return HostFacts(
            **facts,
            units=units,
            upgrade_plan=await self._upgrade_plan(host, facts, control_plane) if Need.UPGRADE_PLAN in wanted else None,
            backups=await self._backups(host) if Need.BACKUPS in wanted else (),
        )

    async def _look_at_unit(self, host: Host, name: str) -> Unit:
        unit = await host.look(look(*units.show(name), read=units.read))
        if not unit.remembered:
            return unit
        if unit.running:
            self._following.add(name)
            last = await host.look(look(*units.journal(name, lines=1), read=str.strip, root=True))
            return replace(unit, journal=await _with_holder(host, last))
        journal = await host.look(look(*units.journal(name), read=units.read_journal, root=True))
        if name in self._following:
            self._following.discard(name)
            log.info("%s: unit %s has ended; its journal:\n%s", self._node, name, journal)
        return replace(unit, journal=journal)

    async def _upgrade_plan(
        self, host: Host, facts: dict[str, Any], control_plane: ControlPlaneFacts | None
    ) -> UpgradePlan | None:
        """kubeadm's own opinion, asked only where it is able to have one: see KubeadmUpgradePlan."""
        wanted = self._hop.source(facts["os"].package_format).packages.get("kubeadm")
        installed = wanted is not None and facts["packages"].get("kubeadm") == wanted
        to_apply = control_plane is not None and control_plane.cluster_version != self._hop.to
        return await host.look(looks.upgrade_plan(self._hop.to)) if installed and to_apply else None

    async def _backups(self, host: Host) -> tuple[Backup, ...]:
        runs = await host.look(looks.BACKUP_RUNS)
        ours = [path.split("/")[-2] for path, run in runs.items() if run.strip() == self._hop.run]
        if not ours:
            return looks.backups(runs, {}, {})
        sums, sizes = looks.backup_files(ours[0])
        return looks.backups(runs, await host.look(sums), await host.look(sizes))

    async def _look_at_lane(self, control_plane: ControlPlaneFacts | None) -> Lane:
        self._slots, self._slots_version = await self._api.slots()
        nodes = [objects.read_node(node) for node in await self._api.nodes()]
        return lane_of(self._group, self._hop, nodes, control_plane, self._slots)

    async def _write_slots(self, slots: Slots) -> None:
        await self._api.write_slots(slots, self._slots_version)

    async def _run(self, run: Run) -> str | None:
        """Returns whom a package manager's lock is waited for; commands that are no units do not wait themselves."""
        host = await self._open_host()
        completed = await host.run(run)
        if run.unit:
            self._following.add(run.unit)
            if completed.exit_status and (await self._look_at_unit(host, run.unit)).remembered:
                log.info("%s: unit %s was started before; attached to it", self._node, run.unit)
                return None
        if completed.exit_status:
            if holder := locks.holder(completed.stderr):
                return f"{run.argv[0]} waits for the lock that {await _named(host, holder)} holds"
            raise failure(host.address, run, completed)
        if output := completed.stdout.strip():
            log.info("%s: %s", self._node, output)
        return None


async def _with_holder(host: Host, said: str) -> str:
    """What a unit has said, and who it is that it waits for, where it did not say so itself."""
    holder = locks.holder(said)
    return said if holder is None or holder.name else f"{said} ({(await _named(host, holder)).name})"


async def _named(host: Host, holder: locks.Holder) -> locks.Holder:
    """dpkg and dnf know a process by its number only."""
    return holder if holder.name else replace(holder, name=await host.look(locks.name_of(holder.pid)))


async def look_at_control_plane(api: ClusterApi) -> ControlPlaneFacts:
    pods, config, nodes, readyz = (
        await api.control_plane_pods(),
        await api.kubeadm_config(),
        await api.nodes(),
        await api.readyz(),
    )
    return objects.read_control_plane(pods, config, map(objects.read_node, nodes), objects.read_readyz(readyz))


async def look_at_host(host: Host) -> dict[str, Any]:
    """What every step that needs a host looks at, as keywords of HostFacts."""
    os = await host.look(looks.OS_RELEASE)
    manager = manager_of(os)
    if manager is None:
        return {"os": os, "packages": {}}  # preflight says so; none of the commands below exists there
    wanted: tuple[Look[Any], ...] = (*manager.LOOKS, looks.KUBELET)
    *answers, kubelet = await _some_at_once([host.look(wish) for wish in wanted])
    replaced = await host.look(looks.running_binary(kubelet.pid)) if kubelet.pid else False
    return {
        "os": os,
        **{name: value for answer in answers for name, value in answer.items()},
        "kubelet_started": kubelet.started,
        "kubelet_outdated": replaced or kubelet.needs_reload,
    }


async def _some_at_once(looking: list[Coroutine[Any, Any, T]]) -> list[T]:
    gate = asyncio.Semaphore(SESSIONS_AT_ONCE)

    async def one(coroutine: Coroutine[Any, Any, T]) -> T:
        async with gate:
            return await coroutine

    return await asyncio.gather(*(one(coroutine) for coroutine in looking))
