"""What every look at a control plane or at a host consists of, for a step and for the whole cluster alike."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from typing import Any, TypeVar

from kubeadm_airflow.hooks.cluster_api import ClusterApi
from kubeadm_airflow.hooks.host import Host
from kubeadm_airflow.hooks.side_by_side import some_at_once
from kubeadm_upgrade import etcd, machine, objects, queries
from kubeadm_upgrade.assignment import Assignment
from kubeadm_upgrade.control_plane import ControlPlaneFacts
from kubeadm_upgrade.errors import CommandFailed, UnreadableOutput
from kubeadm_upgrade.etcd import EtcdFacts
from kubeadm_upgrade.facts import Backup, HostFacts, NodeFacts, UpgradePlan
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.kubelet_settings import places, read_kubelet, says_all
from kubeadm_upgrade.local_etcd import LocalEtcd
from kubeadm_upgrade.packages.port import manager_of
from kubeadm_upgrade.query import Query
from kubeadm_upgrade.reading import reading
from kubeadm_upgrade.settings import Settings
from kubeadm_upgrade.unseen import UNSEEN

T = TypeVar("T")

# sshd's MaxSessions is 10 by default; looks side by side stay well below it
SESSIONS_AT_ONCE = 4


async def look_at_nodes(api: ClusterApi) -> tuple[tuple[NodeFacts, ...], ControlPlaneFacts]:
    """One list of Nodes serves both."""
    nodes = objects.read_nodes(await api.nodes())
    return nodes, await look_at_control_plane_of(api, nodes)


async def look_at_control_plane_of(api: ClusterApi, nodes: Iterable[NodeFacts]) -> ControlPlaneFacts:
    """For whoever has looked at the Nodes already."""
    pods, config, readyz = await api.control_plane_pods(), await api.kubeadm_config(), await api.readyz()
    return objects.read_control_plane(pods, config, nodes, objects.read_readyz(readyz))


async def look_at_versions(api: ClusterApi) -> ControlPlaneFacts:
    """What of the control plane has a version; how it is, is not looked at here."""
    pods, config = await api.control_plane_pods(), await api.kubeadm_config()
    found = objects.read_control_plane(pods, config, ())
    return replace(found, nodes_ready=UNSEEN, failing_checks=UNSEEN, unlabelled=UNSEEN)


async def look_at_host(host: Host, *, journal: bool = False) -> dict[str, Any]:
    """What every step that needs a host looks at, as keywords of HostFacts; its journal, where it is wanted."""
    os = await host.ask(queries.OS_RELEASE)
    manager = manager_of(os)
    if manager is None:
        return {"os": os, "packages": {}}  # preflight says so; none of the commands below exists there
    wanted: tuple[Query[Any], ...] = (*manager.QUERIES, queries.KUBELET, queries.KUBELET_AGE)
    *answers, kubelet, age = await some_at_once([host.ask(wish) for wish in wanted], SESSIONS_AT_ONCE)
    binary = await host.ask(queries.running_binary(kubelet.pid)) if kubelet.pid else None
    return {
        "os": os,
        **{name: value for answer in answers for name, value in answer.items()},
        "kubelet_started": kubelet.started,
        "kubelet_age": age,
        "kubelet_binary": binary.path if binary else "",
        "kubelet_outdated": bool(binary and binary.replaced) or kubelet.needs_reload,
        "kubelet_restarting": kubelet.restarting,
        "kubelet_journal": "" if kubelet.pid and not journal else await host.ask(queries.KUBELET_JOURNAL),
    }


async def look_at_kubelet_settings(host: Host, of_cluster: str | None) -> Settings:
    """What its kubelet will be told; the one that runs is asked where unit and files do not say all of it."""
    service = await host.ask(queries.KUBELET_SERVICE)
    files = await host.ask(queries.KUBELET_SETTINGS)
    running = () if says_all(service) else (await host.ask(machine.KUBELET_ARGS))["kubelet_args"]
    unseen: tuple[str, ...] = ()
    if elsewhere := places(service, files, running).elsewhere:
        try:
            files = {**files, **await host.ask(queries.kubelet_configuration(elsewhere))}
        except CommandFailed:
            unseen = elsewhere
    try:
        return replace(read_kubelet(service, files, running, of_cluster), unseen=unseen)
    except UnreadableOutput as error:
        raise UnreadableOutput(f"{host.address}: its kubelet would not start with what it is told: {error}") from error


async def look_at_backups(host: Host, facts: HostFacts, work: Assignment, local: LocalEtcd) -> HostFacts:
    """Those of this run, and a snapshot that is not in one yet."""
    runs = await host.ask(queries.BACKUP_RUNS)
    now = await host.ask(machine.CLOCK)
    stats: dict[str, tuple[int, float]] = {}
    sums: dict[str, str] = {}
    for path in (path for path, run in runs.items() if run.strip() == work.run.unmistakable):
        name = path.split("/")[-2]
        stats |= await host.ask(queries.backup_files(name))
        if work.step == "back_up":
            sums |= await host.ask(queries.backup_sums(name))
    loose = await host.ask(queries.loose_snapshot(local))
    taken: tuple[Backup, ...] = queries.backups(runs, stats, sums, now)
    return replace(facts, backups=taken, loose_snapshot=queries.youngest(loose, now))


async def look_at_etcd(
    open_host: Callable[[], Awaitable[Host]], here: str, control_plane: ControlPlaneFacts
) -> EtcdFacts:
    """Asked of one member, of all of them: this node's own, or another's where this one is not well."""
    pods = [pod for pod in control_plane.static_pods if pod.component == "etcd" and pod.ready]
    if not pods:
        return EtcdFacts()  # an external one, or none that could answer: the control plane's own facts say so
    asked = min(pods, key=lambda pod: pod.node != here).node
    local = control_plane.local_etcd(asked)
    host = await open_host()
    try:
        answers = [await host.ask(question) for question in etcd.questions(asked, local)]
    except CommandFailed as error:
        return EtcdFacts(unknown=str(error))
    with reading(f"{host.address}: what etcdctl prints of its members"):
        return etcd.read(*answers)


async def look_at_upgrade_plan(
    host: Host, facts: HostFacts, hop: Hop, control_plane: ControlPlaneFacts
) -> UpgradePlan | None:
    """kubeadm's own opinion, asked only where it is able to have one: see KubeadmUpgradePlan."""
    wanted = hop.source(facts.os.package_format).packages.get("kubeadm")
    installed = wanted is not None and facts.packages.get("kubeadm") == wanted
    asked = queries.upgrade_plan(hop.to, hop.ignore_preflight_errors)
    return await host.ask(asked) if installed and control_plane.cluster_version != hop.to else None
