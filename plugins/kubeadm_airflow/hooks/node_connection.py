"""The engine's port for one node: `look` gathers the facts that a step needs, `act` carries out one action."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

from kubeadm_airflow.hooks import deleting, draining
from kubeadm_airflow.hooks.cluster_api import Json
from kubeadm_airflow.hooks.cluster_health import look_at_health
from kubeadm_airflow.hooks.drain_api import DrainApi
from kubeadm_airflow.hooks.file_of_now import file_of_now
from kubeadm_airflow.hooks.host import Host, address_of, failure
from kubeadm_airflow.hooks.lock_holders import named
from kubeadm_airflow.hooks.shared_look import shared_nodes
from kubeadm_airflow.hooks.side_by_side import all_at_their_end
from kubeadm_airflow.hooks.sights import (
    look_at_backups,
    look_at_etcd,
    look_at_host,
    look_at_nodes,
    look_at_upgrade_plan,
    look_at_versions,
)
from kubeadm_airflow.hooks.units_seen import UnitsSeen
from kubeadm_upgrade import leases, objects, queries
from kubeadm_upgrade.actions import (
    Action,
    Evict,
    EvictOrDelete,
    LedgerAction,
    MarkToCome,
    PatchConfigMap,
    PatchNode,
    RepeatPreflight,
    Run,
)
from kubeadm_upgrade.admission.gates import GATES_OF_THE_LANE, why_wait
from kubeadm_upgrade.admission.lane import Lane
from kubeadm_upgrade.admission.members import lane_of
from kubeadm_upgrade.assignment import Assignment
from kubeadm_upgrade.control_plane import ControlPlaneFacts
from kubeadm_upgrade.drain.node import nodes_to_mark
from kubeadm_upgrade.drain.pod import PodFacts
from kubeadm_upgrade.errors import Conflict, NodeGone, ObjectNotFound, PreflightFailed
from kubeadm_upgrade.facts import Facts, HostFacts, NodeFacts
from kubeadm_upgrade.inventory import Cluster
from kubeadm_upgrade.ledger import wire
from kubeadm_upgrade.ledger.changes import changed
from kubeadm_upgrade.ledger.ledger import Ledger
from kubeadm_upgrade.packages import locks
from kubeadm_upgrade.standing.rules import Standing
from kubeadm_upgrade.steps import Need, Step, begun_for_another
from kubeadm_upgrade.units import Unit
from kubeadm_upgrade.unseen import UNSEEN

log = logging.getLogger(__name__)

LookAtNodes = Callable[[], Awaitable[tuple[Sequence[NodeFacts], ControlPlaneFacts]]]


class NodeConnection:
    """One node, seen and touched through its cluster's API and through its host."""

    def __init__(
        self,
        cluster: Cluster,
        work: Assignment,
        api: DrainApi,
        stack: AsyncExitStack,
        look_at_nodes: LookAtNodes,
    ) -> None:
        self._cluster = cluster
        self._work = work
        self._node = work.node
        self._hop = work.hop
        self._api = api
        self._stack = stack
        self._look_at_nodes = look_at_nodes
        self._host: Host | None = None
        self._seen: NodeFacts | None = None
        self._ledger = Ledger()
        self._ledger_object: Json | None = None  # as the last look found it: what is written, is written over this
        self._units = UnitsSeen(work.node)
        self._pods: tuple[PodFacts, ...] = ()  # as the last look found them
        self._owners = draining.RecentOwners()
        self._said: set[str] = set()  # actions that the log has told already

    @classmethod
    @asynccontextmanager
    async def open(
        cls, cluster: Cluster, work: Assignment, shared_for: float | None = None
    ) -> AsyncIterator[NodeConnection]:
        """Connect to the API now and to the host when a step first needs it.

        `shared_for`: so many seconds old may be what others have seen of the Nodes; None: it looks for itself.
        """
        async with AsyncExitStack() as stack:
            api = await stack.enter_async_context(DrainApi.open(cluster.kubernetes_conn_id))
            look: LookAtNodes = partial(look_at_nodes, api)
            if shared_for is not None:
                shared = await stack.enter_async_context(shared_nodes(work.cluster).used())
                look = partial(shared.newest, shared_for)
            yield cls(cluster, work, api, stack, look)

    async def look(self, step: Step, needs: frozenset[Need] | None = None) -> Facts:
        """What the step must know, as it is now. `needs` widens it for a rehearsal of several steps.

        Raises NodeGone. While the step's unit runs, nothing else is looked at: there is nothing to do but to wait.
        """
        wanted = step.needs if needs is None else needs
        self._cluster = await file_of_now(self._work.cluster, self._cluster)
        self._ledger, self._ledger_object = await self._api.ledger()
        self._seen = node = await self._look_at_node()
        facts = Facts(node, self._work.run, datetime.now(UTC), policy=self._cluster.rollout, ledger=self._ledger)
        facts = replace(facts, units=await self._look_at_units(step, facts))
        if any(unit.running for unit in facts.units.values()):
            return facts
        return await self._look_further(facts, wanted, rehearsal=needs is not None)

    async def standing(self, action: Action) -> Standing:
        """For the rules that are asked before an action; the host is asked only before something is done there."""
        ledger, _ = await self._api.ledger()
        control_plane = await look_at_versions(self._api)
        node = self._seen or await self._look_at_node()
        at_work = await (await self._open_host()).ask(queries.AT_WORK) if isinstance(action, Run) else ()
        return Standing(
            *(self._work.run, self._node, self._hop, ledger, control_plane.newest, node.kubelet, at_work),
            action=action,
            group=self._work.group,
            step=self._work.step,
            cordoned_by_us=node.cordoned_by is not None,
            moved=not control_plane.at(self._node, self._hop.came_from),
            calendar=self._cluster.calendar,
            now=datetime.now(UTC),
        )

    async def act_side_by_side(self, actions: tuple[Action, ...]) -> list[draining.Refused]:
        """Those of one act."""
        answers = await all_at_their_end((self.act(action) for action in actions), draining.AT_ONCE)
        evictions = [action for action in actions if isinstance(action, Evict)]
        return await draining.with_budgets(self._api, evictions, answers, self._pods) if evictions else answers

    async def act(self, action: Action) -> draining.Refused:
        """Carry out one action. Returns why it cannot take effect yet, None when it did."""
        if str(action) not in self._said:
            self._said.add(str(action))
            log.info("%s: %s", self._node, action)
        try:
            match action:
                case Run():
                    return await self._run(action)
                case PatchNode(node=node, patch=patch):
                    return await self._patch_node(node, patch)
                case PatchConfigMap(name=name, patch=patch):
                    await self._api.patch_config_map(name, patch)
                case Evict() | EvictOrDelete() | MarkToCome():
                    return await deleting.act(self._api, action, self._node, self._work.run)
                case RepeatPreflight():
                    return await self._repeat_preflight()
                case _:
                    await self._change_ledger(action)
        except Conflict as conflict:
            return f"somebody else changed it meanwhile ({conflict})"
        return None

    async def _look_at_node(self) -> NodeFacts:
        try:
            return objects.read_node(await self._api.node(self._node))
        except ObjectNotFound as error:
            raise NodeGone(self._node) from error

    async def _look_further(self, facts: Facts, wanted: frozenset[Need], *, rehearsal: bool) -> Facts:
        facts = replace(facts, lane=await self._look_at_lane() if Need.LANE in wanted else UNSEEN)
        # whoever waits for others does not ask how the control plane is: hundreds may wait
        spares = Need.LANE in wanted and not rehearsal
        waits = spares and why_wait(facts, self._hop, GATES_OF_THE_LANE) is not None
        if not waits:
            facts = await self._look_at_the_others(facts, wanted)
        if Need.LEASE in wanted:
            facts = replace(facts, lease=await self._api.lease(leases.NODES, self._node))
        if Need.HOST in wanted:
            facts = replace(facts, host=await self._look_at_host(wanted, facts))
        if Need.PODS in wanted:
            facts = await self._look_at_pods(facts)
        if Need.VOLUMES in wanted:
            policy = facts.policy.drain
            attached = await draining.look_at_attached(self._api, self._node, facts.pods, policy)
            facts = replace(facts, attached=attached)
        return facts

    async def _look_at_the_others(self, facts: Facts, wanted: frozenset[Need]) -> Facts:
        """What is not of this node alone."""
        if Need.CONTROL_PLANE in wanted:
            nodes, control_plane = await self._look_at_nodes()
            to_mark = nodes_to_mark(self._work, nodes, facts.ledger)
            facts = replace(facts, control_plane=control_plane, to_mark=to_mark)
        if Need.ETCD in wanted and facts.node.control_plane:
            facts = replace(facts, etcd=await look_at_etcd(self._open_host, self._node, facts.control_plane))
        if Need.LEADERS in wanted and self._work.group != "control_plane":
            found = [await self._api.lease(wire.NAMESPACE, name) for name in leases.LEADERS]
            facts = replace(facts, leaders=tuple(filter(None, found)))
        if Need.HEALTH in wanted and self._work.group == "workers":
            facts = await look_at_health(self._api, facts)
        return facts

    async def _look_at_pods(self, facts: Facts) -> Facts:
        items = await self._api.pods_on(self._node)
        self._pods = await draining.look_at_pods(self._api, items, self._owners, facts.node.cordoned_at)
        return replace(facts, pods=self._pods)

    async def _open_host(self) -> Host:
        if self._host is None:
            node = self._seen or await self._look_at_node()
            opened = Host.open(self._cluster, address_of(self._cluster, node))
            self._host = await self._stack.enter_async_context(opened)
        return self._host

    async def _look_at_host(self, wanted: frozenset[Need], facts: Facts) -> HostFacts:
        host = await self._open_host()
        found = HostFacts(**await look_at_host(host, journal=not facts.node.ready))
        if Need.UPGRADE_PLAN in wanted:
            found = replace(found, upgrade_plan=await look_at_upgrade_plan(host, found, self._hop, facts.control_plane))
        if Need.IMAGES in wanted:
            found = replace(found, images=await host.ask(queries.IMAGES))
        if Need.BACKUPS in wanted:
            return await look_at_backups(host, found, self._work, facts.control_plane.local_etcd(self._node))
        return found

    async def _look_at_units(self, step: Step, facts: Facts) -> dict[str, Unit]:
        """First of all that is looked at, so that what a unit that has ended did is what is seen after it."""
        base = step.unit(self._hop)
        if base is None:
            return {}
        return await self._units.of_a_step(await self._open_host(), base, begun_for_another(step, facts, self._hop))

    async def _look_at_lane(self) -> Lane:
        nodes = objects.read_nodes(await self._api.nodes())
        control_plane = await look_at_versions(self._api) if self._work.group == "control_plane" else UNSEEN
        return lane_of(
            self._work.group, self._hop, self._work.run, self._cluster.rollout, nodes, control_plane, self._ledger
        )

    async def _patch_node(self, node: str, patch: Mapping[str, Any]) -> str | None:
        """A Node that has left since it was looked at is what the next look finds out."""
        try:
            await self._api.patch_node(node, patch)
        except ObjectNotFound as gone:
            return str(gone)
        return None

    async def _change_ledger(self, action: LedgerAction) -> None:
        """Only over what was looked at: who changed it meanwhile may have changed what was decided by."""
        ledger = changed(self._ledger, action, self._work.run, datetime.now(UTC))
        if ledger != self._ledger:
            self._ledger_object = await self._api.write_ledger(ledger, self._ledger_object)
            self._ledger = ledger

    async def _repeat_preflight(self) -> str | None:
        """One judgement serves every node that waits. Returns what may be over soon. Raises PreflightFailed."""
        from kubeadm_airflow.hooks.cluster_claim import note_judgement
        from kubeadm_airflow.hooks.cluster_scene import judge
        from kubeadm_upgrade.approval.waivers import in_the_way
        from kubeadm_upgrade.preflight import may_settle

        found = await judge(self._cluster, self._hop)
        if blocks := in_the_way(found, self._ledger, self._cluster.approval, self._hop.to):
            said = f"{self._cluster.name}: since preflight last looked: {'; '.join(one.message for one in blocks)}"
            if may_settle(blocks):
                return said
            raise PreflightFailed(said)
        await note_judgement(self._cluster, self._work.run)
        return None

    async def _run(self, run: Run) -> str | None:
        """Returns whom a package manager's lock is waited for; commands that are no units do not wait themselves."""
        host = await self._open_host()
        completed = await host.run(run)
        if run.unit:
            self._units.follow(run.unit)
            if completed.exit_status and (await self._units.look(host, run.unit)).remembered:
                log.info("%s: unit %s was started before; attached to it", self._node, run.unit)
                return None
        if completed.exit_status:
            if holder := locks.holder(completed.stderr):
                return f"{run.argv[0]} waits for the lock that {await named(host, holder)} holds"
            raise failure(host.address, run, completed)
        if output := completed.stdout.strip():
            log.info("%s: %s", self._node, output)
        return None
