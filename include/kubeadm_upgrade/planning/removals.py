"""What is set on this cluster and will not be known any more: a component does not start with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from kubeadm_upgrade.planning.skew import KUBELET
from kubeadm_upgrade.releases.release import Releases
from kubeadm_upgrade.settings import NO_SETTINGS, Settings
from kubeadm_upgrade.version import Version
from kubeadm_upgrade.wording import agreeing, shortened


def control_plane_findings(
    told: Mapping[str, Settings], releases: Releases, came_from: Version, to: Version
) -> Iterator[str]:
    """What kubeadm-config sets for its components, and a hop of the control plane takes away."""
    for component, settings in told.items():
        for what, release in _lost(releases, component, settings, came_from, to):
            yield f"kubeadm-config sets {what} for {component}, which 1.{release} no longer knows: remove it first"


def kubelet_findings(
    told: Mapping[str, Settings], releases: Releases, came_from: Version, to: Version
) -> Iterator[str]:
    """What kubelets (by node) are started with, and a release on their way takes away: a jump meets all at once."""
    losers: dict[tuple[str, int], list[str]] = {}
    for node, settings in told.items():
        for loss in _lost(releases, KUBELET, settings, came_from, to):
            losers.setdefault(loss, []).append(node)
    for (what, release), nodes in sorted(losers.items()):
        where = f"{agreeing(nodes, 'kubelet', 'kubelets')} on {shortened(nodes)} {agreeing(nodes, 'is', 'are')}"
        yield f"the {where} started with {what}, which 1.{release} no longer knows: remove it first"


def removed_apis(releases: Releases, came_from: Version, to: Version) -> tuple[str, ...]:
    """The APIs that are no longer served after a hop."""
    on_the_way = _on_the_way(releases, came_from, to)
    return tuple(api for minor in on_the_way for removed in releases.of(minor).removed for api in removed.apis)


def _lost(
    releases: Releases, component: str, settings: Settings, came_from: Version, to: Version
) -> Iterator[tuple[str, int]]:
    if settings == NO_SETTINGS:
        return
    # only the kubeadm that runs cleans up: one that a jump passes over never does
    left = set(settings.kubeadm_flags).difference(releases.of(to.minor).kubeadm.cleans)
    for minor in _on_the_way(releases, came_from, to):
        for removed in releases.of(minor).removed:
            flags = set(removed.flags.get(component, ())).intersection(left.union(settings.flags))
            gates = set(removed.feature_gates).intersection(settings.feature_gates)
            plugins = set(removed.admission_plugins).intersection(settings.admission_plugins)
            yield from ((f"the flag --{name}", minor) for name in sorted(flags))
            yield from ((f"the feature gate {name}", minor) for name in sorted(gates))
            yield from ((f"the admission plugin {name}", minor) for name in sorted(plugins))


def _on_the_way(releases: Releases, came_from: Version, to: Version) -> Iterator[int]:
    return (minor for minor in range(came_from.minor + 1, to.minor + 1) if minor in releases)
