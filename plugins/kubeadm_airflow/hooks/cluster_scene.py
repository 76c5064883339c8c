"""The whole cluster at one moment, through its API and every host's SSH: for look, preflight, verify and report."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

from kubeadm_airflow.hooks import rehearsing
from kubeadm_airflow.hooks.cluster_api import ClusterApi, Json
from kubeadm_airflow.hooks.drain_api import DrainApi
from kubeadm_airflow.hooks.host import Host, address_of
from kubeadm_airflow.hooks.repositories import Told, ask_published, look_at_repositories
from kubeadm_airflow.hooks.sights import look_at_control_plane_of, look_at_host, look_at_kubelet_settings
from kubeadm_upgrade import machine, objects, queries
from kubeadm_upgrade.admission.first import first_hold
from kubeadm_upgrade.assignment import RunId
from kubeadm_upgrade.checks.scene import LookedAtHost, Scene
from kubeadm_upgrade.control_plane import ControlPlaneFacts
from kubeadm_upgrade.errors import CommandFailed, NeedsPerson, NotToAct, TimeCures, UnreadableOutput
from kubeadm_upgrade.facts import HostFacts, NodeFacts
from kubeadm_upgrade.hop import NO_SOURCE, Hop
from kubeadm_upgrade.inventory import Cluster
from kubeadm_upgrade.ledger.claim import why_not_go_on
from kubeadm_upgrade.ledger.ledger import Ledger
from kubeadm_upgrade.local_etcd import LocalEtcd
from kubeadm_upgrade.machine import Machine
from kubeadm_upgrade.outsiders import Outsider, read_outsiders
from kubeadm_upgrade.packages.port import PackageManager, Versions, manager_of
from kubeadm_upgrade.planning.skew import KUBE_PROXY
from kubeadm_upgrade.planning.state import NodeState, State
from kubeadm_upgrade.preflight import Finding, findings
from kubeadm_upgrade.query import Query
from kubeadm_upgrade.rehearsal.finding import Rehearsal
from kubeadm_upgrade.rehearsal.line import Line, line_of
from kubeadm_upgrade.releases.known import releases
from kubeadm_upgrade.settings import NO_SETTINGS, read_cluster_configuration, read_etcd_tag
from kubeadm_upgrade.verify import Result
from kubeadm_upgrade.version import TargetVersion, Version
from kubeadm_upgrade.windows.hold import Hold

log = logging.getLogger(__name__)

T = TypeVar("T")

HOSTS_AT_ONCE = 20


async def look_at_result(cluster: Cluster) -> Result:
    """What is looked at through the API alone, to judge a result by."""
    async with ClusterApi.open(cluster.kubernetes_conn_id) as api:
        nodes, _, control_plane = await _look_at_cluster(api)
        return Result(nodes, control_plane, (await api.ledger())[0])


async def look_at_window(cluster: Cluster, hop: Hop, run: RunId) -> Hold | None:
    """What keeps this run from going on with its next node by the calendar. Raises NotToAct where it is to end."""
    async with ClusterApi.open(cluster.kubernetes_conn_id) as api:
        nodes, _, control_plane = await _look_at_cluster(api)
        ledger, _ = await api.ledger()
    if why_not := why_not_go_on(ledger, run):
        raise NotToAct(f"{cluster.name}: {why_not}")
    return first_hold(hop, run, cluster.rollout, nodes, control_plane, ledger, datetime.now(UTC))


async def judge(cluster: Cluster, hop: Hop) -> tuple[Finding, ...]:
    """Preflight, as of now: what every check finds."""
    return findings(await look_at_scene(cluster, hop, datetime.now(UTC).date()))


async def judge_and_rehearse(cluster: Cluster, hop: Hop) -> tuple[Finding, ...]:
    """The same for people, with what the drains would meet. It may block nobody, so nobody waits for it at a gate."""
    return findings(await look_at_scene(cluster, hop, datetime.now(UTC).date(), rehearsed=True))


async def look_at_state(cluster: Cluster, target: TargetVersion | None) -> State:
    """What the planner needs: nodes, versions and settings, and what the repositories publish on the way."""
    state, _ = await look_at_state_and_ledger(cluster, target)
    return state


async def look_at_state_and_ledger(cluster: Cluster, target: TargetVersion | None) -> tuple[State, Ledger]:
    """Both of one look: the ledger is as it was when the nodes were."""
    async with ClusterApi.open(cluster.kubernetes_conn_id) as api:
        nodes, outsiders, control_plane = await _look_at_cluster(api)
        proxies = objects.read_kube_proxies(await api.kube_proxy_pods())
        ledger, _ = await api.ledger()
        kubelets = await api.kubelet_config(control_plane.cluster_version.minor)
    gate = asyncio.Semaphore(HOSTS_AT_ONCE)
    told = await asyncio.gather(*(_told(cluster, node, kubelets, gate) for node in nodes))
    published = await look_at_repositories(cluster, nodes, told, _minors_on_the_way(control_plane, target))
    etcd_tag = read_etcd_tag(control_plane.configuration)
    state = State(
        cluster_version=control_plane.cluster_version,
        nodes=tuple(
            NodeState(
                name=node.name,
                control_plane=node.control_plane,
                kubelet=node.kubelet,
                components=_components(node.name, control_plane, proxies),
                ready=node.ready,
                schedulable=node.schedulable,
                cordoned_by_us=node.cordoned_by is not None,
                holds_slot=node.name in ledger.slots,
                os_image=node.os_image,
                runtime=node.runtime,
                kernel=node.kernel,
                cgroup=one.cgroup,
                settings=one.settings,
                labels={key: value for key, value in node.labels.items() if key in cluster.strategy.labels},
            )
            for node, one in zip(nodes, told, strict=True)
        ),
        published={form: one.versions for form, one in published.items()},
        unpublished={release: why for one in published.values() for release, why in one.missing.items()},
        newest={form: one.newest for form, one in published.items()},
        asked=tuple(dict.fromkeys(release for one in published.values() for release in one.asked)),
        etcd_pinned=etcd_tag,
        etcd_pin_is_ours=etcd_tag is not None and etcd_tag == ledger.etcd_pin,
        outsiders=outsiders,
        unversioned=control_plane.unversioned,
        looked_at=datetime.now(UTC).isoformat(timespec="seconds"),
        settings=read_cluster_configuration(control_plane.configuration, control_plane.static_pods),
    )
    return state, ledger


def _minors_on_the_way(control_plane: ControlPlaneFacts, target: TargetVersion | None) -> range:
    """What must be published, whatever else there is: from the oldest component to the target, or to the newest."""
    oldest = min(control_plane.minors)
    newest = target.minor if target else max(control_plane.minors)
    return range(oldest, max(oldest, newest) + 1)  # a target below is the planner's to refuse


async def look_at_scene(cluster: Cluster, hop: Hop, today: date, *, rehearsed: bool = False) -> Scene:
    """What preflight judges. A host that cannot be looked at is part of the scene, not an error."""
    async with DrainApi.open(cluster.kubernetes_conn_id) as api:
        looked = await rehearsing.look(api)
        nodes, outsiders, control_plane = await _read_cluster(api, looked.nodes)
        ledger, _ = await api.ledger()
        kubelets = await api.kubelet_config(control_plane.cluster_version.minor)
        pods = looked.by_node
        scene = Scene(hop, cluster.rollout, today, nodes, {}, pods, control_plane, ledger, releases(), outsiders)
        concerned = scene.concerned
        if rehearsed:
            drained = [node.name for node in concerned if node.kubelet != hop.to]
            line = line_of(nodes, cluster.rollout, drained)
            scene = replace(scene, rehearsal=await _rehearsed(api, looked, cluster, line))
    gate = asyncio.Semaphore(HOSTS_AT_ONCE)
    answers = await asyncio.gather(
        *(_look_at_host(cluster, hop, node, control_plane.local_etcd(node.name), kubelets, gate) for node in concerned)
    )
    hosts = {node.name: answer for node, answer in zip(concerned, answers, strict=True)}
    return replace(scene, hosts=hosts, now=datetime.now(UTC))


async def _rehearsed(api: DrainApi, looked: rehearsing.Looked, cluster: Cluster, line: Line) -> Rehearsal:
    policy = cluster.rollout.drain
    if not policy.rehearsal:
        return Rehearsal.left_out(cluster.name)
    return await rehearsing.rehearse_over(api, looked, policy, line)


async def _look_at_cluster(api: ClusterApi) -> tuple[tuple[NodeFacts, ...], tuple[Outsider, ...], ControlPlaneFacts]:
    return await _read_cluster(api, await api.nodes())


async def _read_cluster(
    api: ClusterApi, listed: Sequence[Json]
) -> tuple[tuple[NodeFacts, ...], tuple[Outsider, ...], ControlPlaneFacts]:
    nodes = objects.read_nodes(listed)
    return nodes, read_outsiders(listed), await look_at_control_plane_of(api, nodes)


async def _look_at_host(
    cluster: Cluster, hop: Hop, node: NodeFacts, local: LocalEtcd, kubelets: str | None, gate: asyncio.Semaphore
) -> LookedAtHost:
    try:
        async with gate, Host.open(cluster, address_of(cluster, node)) as host:
            await host.ask(queries.ROOT)
            facts = HostFacts(**await look_at_host(host))
            asking = _Asking(host)
            looked_at = await _look_around(asking, hop, facts, local, kubelets)
            return replace(looked_at, unread=tuple(asking.unread))
    except (NeedsPerson, TimeCures) as error:
        return LookedAtHost(error=str(error))


async def _look_around(
    asking: _Asking, hop: Hop, facts: HostFacts, local: LocalEtcd, kubelets: str | None
) -> LookedAtHost:
    """What a host says beside what every step asks of it."""
    host, manager, source = asking.host, manager_of(facts.os), hop.source(facts.os.package_format)
    looked_at = LookedAtHost(
        facts,
        settings=await asking.to_read(look_at_kubelet_settings(host, kubelets), NO_SETTINGS),
        machine=await _look_at_machine(asking, manager, local),
    )
    if manager is None:
        return looked_at
    if facts.kubelet_binary:
        owners = await asking.to_read(host.ask(manager.owners(facts.kubelet_binary)), None)
        looked_at = replace(looked_at, kubelet_owners=owners)
    if source is NO_SOURCE:
        return looked_at
    return await _with_published(looked_at, asking, ask_published(host, manager, facts, source.repository.url))


class _Asking:
    """Goes on with the next question where an answer cannot be read, and keeps what is wrong with it."""

    def __init__(self, host: Host) -> None:
        self.host = host
        self.unread: list[str] = []

    async def ask(self, query: Query[T], otherwise: T) -> T:
        return await self.to_read(self.host.ask(query), otherwise)

    async def to_read(self, looking: Awaitable[T], otherwise: T) -> T:
        """For what is put together of several answers."""
        try:
            return await looking
        except UnreadableOutput as error:
            self.unread.append(str(error))
            return otherwise


async def _with_published(looked_at: LookedAtHost, asking: _Asking, offered: Awaitable[Versions]) -> LookedAtHost:
    try:
        return replace(looked_at, published=await asking.to_read(offered, {}))
    except CommandFailed as error:  # no matter where everything is installed already
        return replace(looked_at, unpublished=str(error))


async def _look_at_machine(asking: _Asking, manager: PackageManager | None, local: LocalEtcd) -> Machine:
    answers: dict[str, Any] = {"etcd_data": local.data_on_host}
    for query in machine.questions(local):
        found: Mapping[str, Any] = await asking.ask(query, {})
        answers |= found
    if manager is not None and manager.REBOOT is not None:
        answers["wants_reboot"] = await asking.ask(manager.REBOOT, otherwise=False)
    before = time.time()
    there = await asking.ask(machine.CLOCK, before)
    return Machine(**answers, ahead=timedelta(seconds=there - (before + time.time()) / 2))


async def _told(cluster: Cluster, node: NodeFacts, kubelets: str | None, gate: asyncio.Semaphore) -> Told:
    """A host that cannot be looked at now is a finding of preflight, and no reason not to plan."""
    try:
        async with gate, Host.open(cluster, address_of(cluster, node)) as host:
            settings, os = await look_at_kubelet_settings(host, kubelets), await host.ask(queries.OS_RELEASE)
            return Told(settings, os, **await host.ask(machine.CGROUP))
    except (NeedsPerson, TimeCures) as error:
        log.warning("%s: nothing is known of its host: %s", node.name, error)
        return Told(error=error)


def _components(node: str, control_plane: ControlPlaneFacts, proxies: Mapping[str, Version]) -> Mapping[str, Version]:
    here = (pod for pod in control_plane.static_pods if pod.node == node and not pod.unversioned)
    found = {pod.component: pod.version for pod in here}
    return {**found, KUBE_PROXY: proxies[node]} if node in proxies else found
