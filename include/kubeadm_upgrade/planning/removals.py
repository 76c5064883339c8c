"""What is set on this cluster and will not be known any more: a component does not start with it."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass

from kubeadm_upgrade.kubelet_settings import KUBEADM_FLAGS
from kubeadm_upgrade.manifest_flags import flag_of
from kubeadm_upgrade.planning.skew import KUBELET
from kubeadm_upgrade.releases.release import Releases
from kubeadm_upgrade.settings import NO_SETTINGS, Settings
from kubeadm_upgrade.version import Version
from kubeadm_upgrade.wording import agreeing, shortened

_OF_KUBEADM = f"remove it from {KUBEADM_FLAGS} first"
_TO_EXTERNAL = "move to the external cloud controller manager, and to --cloud-provider=external, first"


@dataclass(frozen=True, order=True)
class _Loss:
    """What a release takes away, in the words of a sentence."""

    what: str
    minor: int
    remedy: str = "remove it first"
    locked_to: str = ""

    @property
    def why(self) -> str:
        if self.locked_to:
            return f"which 1.{self.minor} has locked {self.locked_to}, so it would not start: {self.remedy}"
        return f"which 1.{self.minor} no longer knows: {self.remedy}"


def control_plane_findings(
    told: Mapping[str, Settings], releases: Releases, came_from: Version, to: Version
) -> Iterator[str]:
    """What kubeadm-config sets for its components, and a hop of the control plane takes away."""
    for component, settings in told.items():
        for loss in _lost(releases, component, settings, came_from, to):
            yield f"kubeadm-config sets {loss.what} for {component}, {loss.why}"


def manifest_findings(
    told: Mapping[str, Settings], releases: Releases, to: Version, moving: Container[str], dropped: Container[str] = ()
) -> Iterator[str]:
    """What the manifests of these nodes alone say, and a hop would take away; but for what may be `dropped`."""
    for component, settings in told.items():
        for unexplained, nodes in settings.only_in_manifests.items():
            flag, word = flag_of(unexplained)
            concerned = [node for node in nodes if node in moving]
            if concerned and flag not in dropped and not _is_gone(releases, component, flag, word, to):
                yield (
                    f"{component} on {shortened(concerned)} is started with --{unexplained}, which only its manifest "
                    f"says: kubeadm writes that anew, without it (its --patches are not supported): add it to "
                    f"{_EXTRA_ARGS[component]} in the ConfigMap kubeadm-config, and the files that it reads to "
                    f"extraVolumes there, or name {flag} with your reason under drop_flags in the inventory"
                )


_EXTRA_ARGS = {
    "kube-apiserver": "apiServer.extraArgs",
    "kube-controller-manager": "controllerManager.extraArgs",
    "kube-scheduler": "scheduler.extraArgs",
    "etcd": "etcd.local.extraArgs",
}


def _is_gone(releases: Releases, component: str, flag: str, word: str, to: Version) -> bool:
    """Whether it is no loss, as the release does not know it any more."""
    for removed in (one for release in releases if release.minor <= to.minor for one in release.removed):
        if flag in removed.flags.get(component, ()) or word in (*removed.feature_gates, *removed.admission_plugins):
            return True
    # of a gate that is locked only its default is left
    return any(
        word in (*one.enabled, *one.disabled)
        for release in releases
        if release.minor <= to.minor
        for one in release.locked
    )


def kubelet_findings(
    told: Mapping[str, Settings], releases: Releases, came_from: Version, to: Version
) -> Iterator[str]:
    """What kubelets (by node) are started with, and a release on their way takes away: a jump meets all at once."""
    losers: dict[_Loss, list[str]] = {}
    for node, settings in told.items():
        for loss in _lost(releases, KUBELET, settings, came_from, to):
            losers.setdefault(loss, []).append(node)
    for loss, nodes in sorted(losers.items()):
        where = f"{agreeing(nodes, 'kubelet', 'kubelets')} on {shortened(nodes)} {agreeing(nodes, 'is', 'are')}"
        yield f"the {where} started with {loss.what}, {loss.why}"


def removed_apis(releases: Releases, came_from: Version, to: Version) -> tuple[str, ...]:
    """The APIs that are no longer served after a hop."""
    on_the_way = _on_the_way(releases, came_from, to)
    return tuple(api for minor in on_the_way for removed in releases.of(minor).removed for api in removed.apis)


def _lost(releases: Releases, component: str, settings: Settings, came_from: Version, to: Version) -> Iterator[_Loss]:
    if settings == NO_SETTINGS:
        return
    # only the kubeadm that runs cleans up: one that a jump passes over never does
    left = set(settings.kubeadm_flags).difference(releases.of(to.minor).kubeadm.cleans)
    for minor in _on_the_way(releases, came_from, to):
        for removed in releases.of(minor).removed:
            if removed.of_dockershim and not settings.names_cri_endpoint:
                continue  # it runs with one, and would not without these
            known = set(removed.flags.get(component, ()))
            flags, kubeadms = known.intersection(settings.flags), known.intersection(left).difference(settings.flags)
            gates = set(removed.feature_gates).intersection(settings.feature_gates)
            plugins = set(removed.admission_plugins).intersection(settings.admission_plugins)
            yield from (_Loss(f"the flag --{name}", minor) for name in sorted(flags))
            yield from (_Loss(f"the flag --{name}", minor, _OF_KUBEADM) for name in sorted(kubeadms))
            yield from (_Loss(f"the feature gate {name}", minor) for name in sorted(gates))
            yield from (_Loss(f"the admission plugin {name}", minor) for name in sorted(plugins))
    yield from _locked(releases, settings, came_from, to)
    if (without := _without_cloud(releases, settings, came_from, to)) is not None:
        yield _Loss(f"--cloud-provider={settings.cloud_provider}", without, _TO_EXTERNAL)


def _locked(releases: Releases, settings: Settings, came_from: Version, to: Version) -> Iterator[_Loss]:
    """Gates that are set against what a release has locked them to; where a later one has none, that is said alone."""
    off = set(settings.feature_gates_off)
    on = set(settings.feature_gates).difference(off)
    removed = {gate for minor in _on_the_way(releases, came_from, to) for gate in _removed_gates(releases, minor)}
    for minor in _on_the_way(releases, came_from, to):
        for locked in releases.of(minor).locked:
            wrong = off.intersection(locked.enabled) | on.intersection(locked.disabled)
            for gate in sorted(wrong - removed):
                way = "on" if gate in off else "off"
                yield _Loss(f"the feature gate {gate} {'off' if gate in off else 'on'}", minor, locked_to=way)


def _removed_gates(releases: Releases, minor: int) -> Iterator[str]:
    return (gate for removed in releases.of(minor).removed for gate in removed.feature_gates)


def _without_cloud(releases: Releases, settings: Settings, came_from: Version, to: Version) -> int | None:
    """The first release on the way that has no such cloud provider within its components."""
    for minor in _on_the_way(releases, came_from, to):
        for removed in releases.of(minor).removed:
            kept = removed.unless_off in settings.feature_gates_off
            if settings.cloud_provider in removed.cloud_providers and not kept:
                return minor
    return None


def _on_the_way(releases: Releases, came_from: Version, to: Version) -> Iterator[int]:
    return (minor for minor in range(came_from.minor + 1, to.minor + 1) if minor in releases)
