"""Checks of what is installed on the hosts, and where more of it comes from."""

from __future__ import annotations

from collections.abc import Iterator

from kubeadm_upgrade.checks.scene import Scene
from kubeadm_upgrade.hop import NO_SOURCE
from kubeadm_upgrade.installs import HALF_INSTALLED, newer
from kubeadm_upgrade.packages.port import UNKNOWN_SYSTEM, manager_of, why_not_switch

KUBELET = "kubelet"


def package_manager_known(scene: Scene) -> Iterator[str]:
    """Every host of this run uses apt or dnf."""
    for name, facts in scene.looked_at:
        if manager_of(facts.os) is None:
            yield f"{name} runs {facts.os.name}: {UNKNOWN_SYSTEM}"


def repository_file_replaceable(scene: Scene) -> Iterator[str]:
    """The package repository entry of every host can be replaced without losing anything else."""
    for name, facts in scene.looked_at:
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


def packages_not_excluded(scene: Scene) -> Iterator[str]:
    """No host of this run has a rule of its own that keeps the packages from being installed."""
    for name, facts in scene.looked_at:
        manager, source = manager_of(facts.os), scene.hop.source(facts.os.package_format)
        if manager and any(facts.packages.get(package) != version for package, version in source.packages.items()):
            yield from (f"{name}: {sentence}" for sentence in manager.why_not_installed(facts))


def packages_whole(scene: Scene) -> Iterator[str]:
    """No package was left half installed."""
    for name, facts in scene.looked_at:
        for package in sorted(facts.half_installed):
            yield f"{name}: {package}: {HALF_INSTALLED}"


def kubelet_of_its_package(scene: Scene) -> Iterator[str]:
    """The kubelet that runs on every host of this run is the one that an upgrade of its package replaces."""
    for name, facts in scene.looked_at:
        owners = scene.hosts[name].kubelet_owners
        if owners is not None and KUBELET not in owners:
            of = f"and it is of the package {', '.join(owners)}" if owners else "and no package installed it"
            yield (
                f"kubelet on {name} is {facts.kubelet_binary}, {of}: an upgrade would leave it as it is; install the "
                f"package {KUBELET} and let kubelet.service start its binary, or leave the node out of the run"
            )


def packages_not_newer(scene: Scene) -> Iterator[str]:
    """No host of this run has newer Kubernetes packages than it is to get."""
    for name, facts in scene.looked_at:
        source = scene.hop.source(facts.os.package_format)
        yield from (f"{name}: {sentence}" for sentence in newer(facts, source))
