"""What kubeadm wrote for a kubelet and only the kubeadm of some releases takes out again: who may jump over those?"""

from __future__ import annotations

from collections.abc import Iterator

from kubeadm_upgrade.planning.case import Case
from kubeadm_upgrade.planning.skew import KUBELET
from kubeadm_upgrade.version import Version


def left_over(case: Case, kubelet: Version, to: Version) -> str | None:
    """A flag with which no worker that comes from `kubelet` would start at `to`, as nobody has taken it out."""
    cleaned = case.releases.of(to.minor).kubeadm.cleans if to.minor in case.releases else ()
    left = (flag for flag in _flags(case, kubelet) if flag not in cleaned)
    return next((flag for flag in left if _is_gone(case, flag, kubelet, to)), None)


def _flags(case: Case, kubelet: Version) -> Iterator[str]:
    """Of the workers that are there, or will be by then; the kubeadm that brought them has cleaned as well."""
    for before, flags in case.kubeadm_flags.items():
        has_moved = before < kubelet and kubelet.minor in case.releases
        cleaned = case.releases.of(kubelet.minor).kubeadm.cleans if has_moved else ()
        if before <= kubelet:
            yield from (flag for flag in sorted(flags) if flag not in cleaned)


def _is_gone(case: Case, flag: str, kubelet: Version, to: Version) -> bool:
    """Whether a release on the way no longer knows it."""
    on_the_way = (minor for minor in range(kubelet.minor + 1, to.minor + 1) if minor in case.releases)
    removed = (one for minor in on_the_way for one in case.releases.of(minor).removed if not one.of_dockershim)
    return any(flag in one.flags.get(KUBELET, ()) for one in removed)
