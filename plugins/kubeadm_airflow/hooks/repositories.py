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
    asked: tuple[str, ...]  # the minor releases


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
    answer = (await _ask_all(host, manager, facts, (url,)))[url]
    if isinstance(answer, CommandFailed):
        raise answer
    return answer


async def _ask(cluster: Cluster, manager: PackageManager, host: Host, minors: range) -> Published:
    """Also what is beyond the target, up to the newest release that is known: any plan can be made from what is told.

    The newest release that has a repository is also the one whose signing key is the one to take.
    """
    facts = HostFacts(**await look_at_host(host))
    last = max(minors[-1], *(release.minor for release in releases()))
    urls = {minor: cluster.repository(f"1.{minor}", manager.FORMAT).url for minor in range(minors.start, last + 1)}
    answers = await _ask_all(host, manager, facts, tuple(urls.values()))
    versions: dict[str, tuple[str, ...]] = {}
    missing: dict[str, str] = {}
    for minor, url in urls.items():
        answer = answers[url]
        if isinstance(answer, CommandFailed):
            # trouble beyond the target is no reason not to go there
            if minor in minors and not manager.is_missing(answer):
                raise answer
            missing[f"1.{minor}"] = f"{url} answers: {last_words(answer, url)}"
            continue
        for name in PACKAGES:
            versions[name] = (*versions.get(name, ()), *answer.get(name, ()))
    there = [minor for minor in urls if f"1.{minor}" not in missing]
    return Published(versions, missing, f"1.{max(there, default=minors[-1])}", tuple(f"1.{minor}" for minor in urls))


async def _ask_all(
    host: Host, manager: PackageManager, facts: HostFacts, urls: tuple[str, ...]
) -> dict[str, Versions | CommandFailed]:
    """As many at once as the package manager can be asked for; raises what is the fault of none of them."""
    answers: dict[str, Versions | CommandFailed] = {}
    for first in range(0, len(urls), manager.AT_ONCE):
        answers |= await _ask_at_once(host, manager, facts, urls[first : first + manager.AT_ONCE])
    return answers


async def _ask_at_once(
    host: Host, manager: PackageManager, facts: HostFacts, urls: tuple[str, ...]
) -> dict[str, Versions | CommandFailed]:
    failed: dict[str, CommandFailed] = {}
    for run in manager.before_published(facts, urls):
        completed = await host.run(run)
        unanswered = manager.unanswered(completed.stdout)
        failed |= {url: CommandFailed(f"{host.address}: {run}: {url}  {why}") for url, why in unanswered.items()}
        if completed.exit_status != 0 and not set(urls) >= unanswered.keys() > set():
            raise failure(host.address, run, completed)
    try:
        offered = await host.ask(manager.published(facts, urls))
    except CommandFailed as error:
        if len(urls) > 1:
            raise
        return {urls[0]: error}
    return {url: failed.get(url) or offered.get(url, {}) for url in urls}


def last_words(error: CommandFailed, url: str) -> str:
    """Why a repository gave no answer, in the words of the package manager alone."""
    return str(error).splitlines()[-1].rpartition(f"{url}  ")[2]
