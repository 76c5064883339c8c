"""What package repositories publish, as hosts see it: they reach them, and Airflow perhaps does not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from kubeadm_airflow.hooks.host import Host, address_of, failure
from kubeadm_airflow.hooks.sights import look_at_host
from kubeadm_upgrade.errors import CommandFailed, NeedsPerson, Unreachable, UnreadableOutput
from kubeadm_upgrade.facts import PACKAGES, HostFacts, NodeFacts, OsRelease
from kubeadm_upgrade.inventory import Cluster
from kubeadm_upgrade.packages.port import PackageManager, Versions, manager_of
from kubeadm_upgrade.releases.known import releases
from kubeadm_upgrade.settings import NO_SETTINGS, Settings


@dataclass(frozen=True)
class Told:
    """What a host says of itself; or the error, where it cannot be asked now."""

    settings: Settings = NO_SETTINGS
    os: OsRelease | None = None
    cgroup: str = ""
    error: Exception | None = None


@dataclass(frozen=True)
class Published:
    """What the repositories of one package format answer."""

    versions: Versions  # of all minor releases that were asked for
    missing: Mapping[str, str]  # minor release -> why it has no repository
    newest: str  # the newest minor release that has one


async def look_at_repositories(
    cluster: Cluster, nodes: Sequence[NodeFacts], told: Sequence[Told], minors: range
) -> dict[str, Published]:
    """Ask one host of each package format. Raises its error when none could be asked."""
    published: dict[str, Published] = {}
    last: Exception = NeedsPerson(f"{cluster.name} has no node: is kubernetes_conn_id the right cluster?")
    for node, one in sorted(zip(nodes, told, strict=True), key=lambda pair: not pair[0].control_plane):
        manager = manager_of(one.os) if one.os else None
        if manager is None or manager.FORMAT in published:
            last = one.error or last
            continue
        try:
            async with Host.open(cluster, address_of(cluster, node)) as host:
                published[manager.FORMAT] = await _ask(cluster, manager, host, minors)
        except (Unreachable, CommandFailed, UnreadableOutput) as error:
            last = error
    if not published:
        raise last
    return published


async def ask_published(host: Host, manager: PackageManager, facts: HostFacts, url: str) -> Versions:
    """What a repository offers this host, in the words of the host's own package manager. Raises CommandFailed."""
    for run in manager.before_published(facts, url):
        completed = await host.run(run)
        if completed.exit_status != 0:
            raise failure(host.address, run, completed)
    return await host.ask(manager.published(facts, url))


async def _ask(cluster: Cluster, manager: PackageManager, host: Host, minors: range) -> Published:
    facts = HostFacts(**await look_at_host(host))
    versions: dict[str, tuple[str, ...]] = {}
    missing: dict[str, str] = {}
    for release in (f"1.{minor}" for minor in minors):
        url = cluster.repository(release, manager.FORMAT).url
        try:
            offered = await ask_published(host, manager, facts, url)
        except CommandFailed as error:
            if not manager.is_missing(error):
                raise
            missing[release] = f"{url} answers: {str(error).splitlines()[-1]}"
            continue
        for name in PACKAGES:
            versions[name] = (*versions.get(name, ()), *offered.get(name, ()))
    return Published(versions, missing, await _newest(cluster, manager, host, facts, minors[-1]))


async def _newest(cluster: Cluster, manager: PackageManager, host: Host, facts: HostFacts, target: int) -> str:
    """Of the releases that we know of, the newest with a repository: its signing key is the one to take."""
    above = [release.minor for release in releases() if release.minor > target]
    for minor in () if cluster.key_url else reversed(above):
        try:
            await ask_published(host, manager, facts, cluster.repository(f"1.{minor}", manager.FORMAT).url)
        except CommandFailed as error:
            if manager.is_missing(error):
                continue
            break  # it is in trouble, which is no reason not to go on
        return f"1.{minor}"
    return f"1.{target}"
