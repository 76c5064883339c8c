"""The engine's port for one node: `look` gathers the facts that a step needs, `act` carries out one action."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from kubeadm_airflow.hooks.cluster_api import ClusterApi, Json
from kubeadm_airflow.hooks.cluster_health import look_at_health
from kubeadm_airflow.hooks.host import Host, address_of, failure
from kubeadm_airflow.hooks.lock_holders import named, with_holder
from kubeadm_airflow.hooks.sights import look_at_control_plane, look_at_host, look_at_versions
from kubeadm_upgrade import etcd, leases, machine, objects, queries, units
from kubeadm_upgrade.actions import Action, Evict, LedgerAction, PatchConfigMap, PatchNode, RepeatPreflight, Run
from kubeadm_upgrade.admission.gates import GATES_OF_THE_LANE, why_wait
from kubeadm_upgrade.admission.lane import Lane
from kubeadm_upgrade.admission.members import lane_of
from kubeadm_upgrade.assignment import Assignment
from kubeadm_upgrade.control_plane import ControlPlaneFacts
from kubeadm_upgrade.errors import CommandFailed, Conflict, NodeGone, ObjectNotFound, PreflightFailed
from kubeadm_upgrade.etcd import EtcdFacts
from kubeadm_upgrade.facts import Backup, Facts, HostFacts, NodeFacts, UpgradePlan
from kubeadm_upgrade.inventory import Cluster, InventoryError, load_cluster_named
from kubeadm_upgrade.ledger import wire
from kubeadm_upgrade.ledger.changes import changed
from kubeadm_upgrade.ledger.ledger import Ledger
from kubeadm_upgrade.local_etcd import LocalEtcd
from kubeadm_upgrade.packages import locks
from kubeadm_upgrade.query import query
from kubeadm_upgrade.reading import reading
from kubeadm_upgrade.standing.rules import Standing
from kubeadm_upgrade.steps import Need, Step, begun_for_another
from kubeadm_upgrade.units import Unit
from kubeadm_upgrade.unseen import UNSEEN

log = logging.getLogger(__name__)


class NodeConnection:
    """One node, seen and touched through its cluster's API and through its host."""

    def __init__(self, cluster: Cluster, work: Assignment, api: ClusterApi, stack: AsyncExitStack):
        self._cluster = cluster
        self._work = work
        self._node = work.node
        self._hop = work.hop
        self._api = api
        self._stack = stack
        self._host: Host | None = None
        self._seen: NodeFacts | None = None
        self._ledger = Ledger()
        self._ledger_object: Json | None = None  # as the last look found it: what is written, is written over this
        self._following: set[str] = set()  # units whose journal the task log still owes
        self._said: set[str] = set()  # actions that the log has told already

    @classmethod
    @asynccontextmanager
    async def open(cls, cluster: Cluster, work: Assignment) -> AsyncIterator[NodeConnection]:
        """Connect to the API now and to the host when a step first needs it."""
        async with AsyncExitStack() as stack:
            api = await stack.enter_async_context(ClusterApi.open(cluster.kubernetes_conn_id))
            yield cls(cluster, work, api, stack)

    async def look(self, step: Step, needs: frozenset[Need] | None = None) -> Facts:
        """What the step must know, as it is now. `needs` widens it for a rehearsal of several steps.

        Raises NodeGone. While the step's unit runs, nothing else is looked at: there is nothing to do but to wait.
        """
        wanted = step.needs if needs is None else needs
        self._cluster = await self._read_inventory()
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

    async def act(self, action: Action) -> str | None:
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
                case Evict(namespace=namespace, pod=pod, uid=uid):
                    return await self._api.evict(namespace, pod, uid)
                case RepeatPreflight():
                    return await self._repeat_preflight()
                case _:
                    await self._change_ledger(action)
        except Conflict as conflict:
            return f"somebody else changed it meanwhile ({conflict})"
        return None

    async def _read_inventory(self) -> Cluster:
        """The policy of now. A file that is being edited is no reason to stop: the last good one holds."""
        try:
            return await asyncio.to_thread(load_cluster_named, self._work.cluster)
        except InventoryError as error:
            log.warning(
                "%s: the cluster's file cannot be used, so what it said before still holds: %s", self._node, error
            )
            return self._cluster

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
        if Need.CONTROL_PLANE in wanted and not waits:
            facts = replace(facts, control_plane=await look_at_control_plane(self._api))
        if Need.ETCD in wanted and not waits and facts.node.control_plane:
            facts = replace(facts, etcd=await self._look_at_etcd(facts.control_plane))
        if Need.LEADERS in wanted and not waits and self._work.group != "control_plane":
            found = [await self._api.lease(wire.NAMESPACE, name) for name in leases.LEADERS]
            facts = replace(facts, leaders=tuple(filter(None, found)))
        if Need.HEALTH in wanted and not waits and self._work.group == "workers":
            facts = await look_at_health(self._api, facts)
        if Need.LEASE in wanted:
            facts = replace(facts, lease=await self._api.lease(leases.NODES, self._node))
        if Need.HOST in wanted:
            facts = replace(facts, host=await self._look_at_host(wanted, facts))
        if Need.PODS in wanted:
            pods = await self._api.pods_on(self._node)
            facts = replace(facts, pods=tuple(objects.read_pod(pod, facts.node.cordoned_at) for pod in pods))
        return facts

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
            found = replace(found, upgrade_plan=await self._upgrade_plan(host, found, facts.control_plane))
        if Need.IMAGES in wanted:
            found = replace(found, images=await host.ask(queries.IMAGES))
        if Need.BACKUPS in wanted:
            return await self._with_backups(host, found, facts.control_plane.local_etcd(self._node))
        return found

    async def _look_at_units(self, step: Step, facts: Facts) -> dict[str, Unit]:
        """First of all that is looked at, so that what a unit that has ended did is what is seen after it."""
        base = step.unit(self._hop)
        if base is None:
            return {}
        host = await self._open_host()
        newest = await host.ask(query(*units.tries(base), read=units.read_tries))
        found = {base: newest} if newest else {}
        if left := begun_for_another(step, facts, self._hop):
            found[left] = left
        return {name: await self._look_at_unit(host, one) for name, one in found.items()}

    async def _look_at_unit(self, host: Host, name: str) -> Unit:
        unit = await host.ask(query(*units.show(name), read=lambda text: units.read(text, name)))
        if not unit.remembered:
            return unit
        if unit.running:
            self._following.add(name)
            last = await host.ask(query(*units.journal(name, lines=1), read=str.strip, root=True))
            return replace(unit, journal=await with_holder(host, last))
        if unit.succeeded and name not in self._following:
            return unit
        journal = await host.ask(query(*units.journal(name), read=units.read_journal, root=True))
        if name in self._following:
            self._following.discard(name)
            log.info("%s: unit %s has ended; its journal:\n%s", self._node, name, journal)
        return replace(unit, journal=journal)

    async def _upgrade_plan(self, host: Host, facts: HostFacts, control_plane: ControlPlaneFacts) -> UpgradePlan | None:
        """kubeadm's own opinion, asked only where it is able to have one: see KubeadmUpgradePlan."""
        wanted = self._hop.source(facts.os.package_format).packages.get("kubeadm")
        installed = wanted is not None and facts.packages.get("kubeadm") == wanted
        to_apply = control_plane.cluster_version != self._hop.to
        asked = queries.upgrade_plan(self._hop.to, self._hop.ignore_preflight_errors)
        return await host.ask(asked) if installed and to_apply else None

    async def _with_backups(self, host: Host, facts: HostFacts, local: LocalEtcd) -> HostFacts:
        runs = await host.ask(queries.BACKUP_RUNS)
        now = await host.ask(machine.CLOCK)
        stats: dict[str, tuple[int, float]] = {}
        sums: dict[str, str] = {}
        for path in (path for path, run in runs.items() if run.strip() == self._work.run.unmistakable):
            name = path.split("/")[-2]
            stats |= await host.ask(queries.backup_files(name))
            if self._work.step == "back_up":
                sums |= await host.ask(queries.backup_sums(name))
        loose = await host.ask(queries.loose_snapshot(local))
        taken: tuple[Backup, ...] = queries.backups(runs, stats, sums, now)
        return replace(facts, backups=taken, loose_snapshot=queries.youngest(loose, now))

    async def _look_at_etcd(self, control_plane: ControlPlaneFacts) -> EtcdFacts:
        """Asked of one member, of all of them: this node's own, or another's where this one is not well."""
        pods = [pod for pod in control_plane.static_pods if pod.component == "etcd" and pod.ready]
        if not pods:
            return EtcdFacts()  # an external one, or none that could answer: the control plane's own facts say so
        asked = min(pods, key=lambda pod: pod.node != self._node).node
        local = control_plane.local_etcd(asked)
        host = await self._open_host()
        try:
            answers = [await host.ask(question) for question in etcd.questions(asked, local)]
        except CommandFailed as error:
            return EtcdFacts(unknown=str(error))
        with reading(f"{host.address}: what etcdctl prints of its members"):
            return etcd.read(*answers)

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
        if sentences := [one.message for one in in_the_way(found, self._ledger, self._cluster.approval, self._hop.to)]:
            said = f"{self._cluster.name}: since preflight last looked: {'; '.join(sentences)}"
            if may_settle(found):
                return said
            raise PreflightFailed(said)
        await note_judgement(self._cluster, self._work.run)
        return None

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
                return f"{run.argv[0]} waits for the lock that {await named(host, holder)} holds"
            raise failure(host.address, run, completed)
        if output := completed.stdout.strip():
            log.info("%s: %s", self._node, output)
        return None
