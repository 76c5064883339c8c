"""Preflight: what must be so before anything is touched.

A check is a function from what was looked at to findings; none is a pass. To add one, write the function and put
it into CHECKS: its name is its id, the first line of its docstring its title. What could not be looked at is a
finding as well: unknown is not pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from kubeadm_upgrade import drain
from kubeadm_upgrade.facts import ControlPlaneFacts, HostFacts, NodeFacts, PodFacts
from kubeadm_upgrade.hop import NO_SOURCE, Hop
from kubeadm_upgrade.installs import HALF_INSTALLED, newer
from kubeadm_upgrade.packages import UNKNOWN_SYSTEM, manager_of, why_not_switch
from kubeadm_upgrade.release import Phase, Releases
from kubeadm_upgrade.removals import control_plane_findings, kubelet_findings
from kubeadm_upgrade.settings import NO_SETTINGS, Settings, read_cluster_configuration


class Severity(StrEnum):
    BLOCK = "block"
    WARN = "warn"


@dataclass(frozen=True)
class Finding:
    """One thing that a check found, in a sentence that names the place and the way out."""

    check: str
    severity: Severity
    message: str

    def __str__(self) -> str:
        return f"{self.severity}: {self.message}"


@dataclass(frozen=True)
class LookedAtHost:
    """A host, or the sentence why it could not be looked at."""

    facts: HostFacts | None = None
    published: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    unpublished: str = ""  # why the repository did not answer this host
    settings: Settings = NO_SETTINGS  # the kubelet's
    error: str | None = None


@dataclass(frozen=True)
class Scene:
    """Everything the checks may judge by."""

    hop: Hop
    today: date
    nodes: tuple[NodeFacts, ...]
    hosts: Mapping[str, LookedAtHost]  # the hosts of this run's nodes
    pods: Mapping[str, tuple[PodFacts, ...]]  # by node
    control_plane: ControlPlaneFacts
    releases: Releases

    @property
    def concerned(self) -> tuple[NodeFacts, ...]:
        """The nodes of this run: the control plane and the chosen workers."""
        names = {*self.hop.control_plane, *self.hop.workers}
        return tuple(node for node in self.nodes if node.name in names)


Check = Callable[[Scene], Iterator[str]]


def api_ready(scene: Scene) -> Iterator[str]:
    """The control plane is healthy: every static Pod Ready, every readyz check passing."""
    for sentence in scene.control_plane.ailing:
        yield f"{sentence}: mend it first"


def nodes_ready(scene: Scene) -> Iterator[str]:
    """Every node of this run is Ready."""
    found = {node.name for node in scene.nodes}
    for name in (*scene.hop.control_plane, *scene.hop.workers):
        if name not in found:
            yield f"{name} is no longer in the cluster: start a new run"
    for node in scene.concerned:
        if not node.ready:
            yield f"{node.name} is not Ready ({node.why_not_ready}): mend it, or leave it out with the parameter nodes"


def hosts_answer(scene: Scene) -> Iterator[str]:
    """Every host of this run can be logged in to over SSH, and sudo asks for no password."""
    for node in scene.concerned:
        looked_at = scene.hosts.get(node.name, LookedAtHost())
        if looked_at.facts is None:
            yield looked_at.error or f"{node.name} was not looked at"


def package_manager_known(scene: Scene) -> Iterator[str]:
    """Every host of this run uses apt or dnf."""
    for name, facts in _facts(scene):
        if manager_of(facts.os) is None:
            yield f"{name} runs {facts.os.name}: {UNKNOWN_SYSTEM}"


def repository_file_replaceable(scene: Scene) -> Iterator[str]:
    """The package repository entry of every host can be replaced without losing anything else."""
    for name, facts in _facts(scene):
        manager = manager_of(facts.os)
        if manager and (reason := why_not_switch(manager, facts)):
            yield f"{name}: {reason}"


def repository_offers_version(scene: Scene) -> Iterator[str]:
    """Every host of this run can fetch the exact versions from the package repository."""
    for name, host in scene.hosts.items():
        if host.facts is None or manager_of(host.facts.os) is None:
            continue  # which another check says
        source = scene.hop.source(host.facts.os.package_format)
        if source is NO_SOURCE:
            yield f"{name}: its kind of packages was not looked at when the run was planned: start a new run"
        elif any(host.facts.packages.get(k) != v for k, v in source.packages.items()):
            missing = [f"{k} {v}" for k, v in source.packages.items() if v not in host.published.get(k, ())]
            why = f" ({host.unpublished})" if host.unpublished else ""
            if missing:
                yield f"{name}: {source.repository.url} does not offer {', '.join(missing)} to this host{why}"


def packages_whole(scene: Scene) -> Iterator[str]:
    """No package was left half installed."""
    for name, facts in _facts(scene):
        for package in sorted(facts.half_installed):
            yield f"{name}: {package}: {HALF_INSTALLED}"


def packages_not_newer(scene: Scene) -> Iterator[str]:
    """No host of this run has newer Kubernetes packages than it is to get."""
    for name, facts in _facts(scene):
        source = scene.hop.source(facts.os.package_format)
        yield from (f"{name}: {sentence}" for sentence in newer(facts, source))


def drain_allowed(scene: Scene) -> Iterator[str]:
    """No Pod on a node of this run forbids its drain."""
    for node in scene.concerned:
        if node.kubelet != scene.hop.to:
            for objection in drain.objections(scene.pods.get(node.name, ()), scene.hop.drain):
                yield f"{node.name}: {objection}"


def etcd_on_control_plane(scene: Scene) -> Iterator[str]:
    """etcd runs as static Pods on the control plane nodes, where it can be backed up."""
    members = {pod.node for pod in scene.control_plane.static_pods if pod.component == "etcd"}
    for name in scene.hop.control_plane:
        if name not in members:
            yield f"{name} runs no etcd as a static Pod: a snapshot of an external etcd is not supported yet"


def settings_still_known(scene: Scene) -> Iterator[str]:
    """No component is started with a flag, feature gate or admission plugin that is gone in its new version."""
    hop = scene.hop
    told = read_cluster_configuration(scene.control_plane.configuration)
    yield from control_plane_findings(told, scene.releases, hop.came_from, hop.to)
    for node in scene.concerned:
        if node.name in scene.hosts:
            settings = {node.name: scene.hosts[node.name].settings}
            yield from kubelet_findings(settings, scene.releases, node.kubelet, hop.to)


def release_supported(scene: Scene) -> Iterator[str]:
    """The release in which the path ends is still supported."""
    to = scene.hop.to
    if not scene.hop.last:
        return
    if to.minor not in scene.releases:
        yield f"it is not known how long Kubernetes {to.release} is supported: see its release page"
    elif (release := scene.releases.of(to.minor)).phase(scene.today) is Phase.ENDED:
        ended = release.support.end_of_life
        yield f"Kubernetes {to.release} has had no fixes since {ended}: go on to a supported minor release soon"


def cordoned_before(scene: Scene) -> Iterator[str]:
    """No node was taken out of service by somebody else."""
    for name in scene.hop.cordoned_before:
        yield f"{name} was cordoned before this run; it stays so, and takes no slot"


CHECKS: Mapping[Severity, tuple[Check, ...]] = {
    Severity.BLOCK: (
        api_ready,
        nodes_ready,
        hosts_answer,
        package_manager_known,
        repository_file_replaceable,
        repository_offers_version,
        packages_whole,
        packages_not_newer,
        drain_allowed,
        etcd_on_control_plane,
        settings_still_known,
    ),
    Severity.WARN: (release_supported, cordoned_before),
}


def findings(scene: Scene) -> tuple[Finding, ...]:
    """What every check finds, blocking ones first."""
    return tuple(
        Finding(check.__name__, severity, message)
        for severity, checks in CHECKS.items()
        for check in checks
        for message in check(scene)
    )


def _facts(scene: Scene) -> Iterator[tuple[str, HostFacts]]:
    for name, host in scene.hosts.items():
        if host.facts is not None:
            yield name, host.facts
