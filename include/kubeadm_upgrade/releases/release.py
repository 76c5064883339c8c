"""What is known of a minor release: the form of the files in facts/, and what follows from them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from kubeadm_upgrade.errors import NeedsPerson
from kubeadm_upgrade.version import Version

DIRECTORY_VARIABLE = "KUBEADM_UPGRADE_RELEASES"
OLDEST_SUPPORTED = 22  # the minor release

_STRICT = {"extra": "forbid"}  # for pydantic, which reads the files into these classes: an unknown key is a mistake


class ReleaseFactsError(NeedsPerson):
    """A file of release facts that cannot be used, or a release that none is about; says what to do."""


class Phase(StrEnum):
    """Where a minor release is in its life.

    https://kubernetes.io/releases/patch-releases/#support-period
    """

    FUTURE = "not released"
    SUPPORTED = "supported"
    MAINTENANCE = "maintenance"  # critical fixes only
    ENDED = "ended"


@dataclass(frozen=True)
class Support:
    """The days on which the release came out, entered maintenance mode, and on which its support ends."""

    __pydantic_config__ = _STRICT
    released: date
    maintenance: date
    end_of_life: date
    source: str


@dataclass(frozen=True)
class Reason:
    """Why, and where that is written."""

    __pydantic_config__ = _STRICT
    reason: str
    source: str


@dataclass(frozen=True)
class Patches:
    """The patches of a release; `avoid` maps a known-bad version, as 1.30.0, to the reason."""

    __pydantic_config__ = _STRICT
    last: int  # the last one known when the file was written; repositories may offer later ones
    source: str
    avoid: Mapping[str, Reason] = field(default_factory=dict)


@dataclass(frozen=True)
class Components:
    """What kubeadm deploys by default. `etcd` maps a patch number to the image tag it and later patches deploy."""

    __pydantic_config__ = _STRICT
    etcd: Mapping[int, str]
    coredns: str
    pause: str
    source: str


@dataclass(frozen=True)
class Kubeadm:
    """What this release's kubeadm does by itself.

    `config_apis`: versions of the API group kubeadm.k8s.io that it reads, oldest first. `cleans`: kubelet flags that
    its `kubeadm upgrade` takes out of /var/lib/kubelet/kubeadm-flags.env.
    """

    __pydantic_config__ = _STRICT
    config_apis: tuple[str, ...]
    source: str
    cleans: tuple[str, ...] = ()


@dataclass(frozen=True)
class Minimum:
    """What must be at least at `minimum` before a node or the control plane moves to this release.

    `preflight_error`: by this name kubeadm of this release refuses what is older, and can be told not to.
    """

    __pydantic_config__ = _STRICT
    minimum: str
    reason: str
    source: str
    preflight_error: str = ""


@dataclass(frozen=True)
class Feature(Reason):
    """What must be there; `preflight_error` as of Minimum."""

    preflight_error: str = ""


@dataclass(frozen=True)
class Needs:
    """What this release needs of what is there before it."""

    __pydantic_config__ = _STRICT
    etcd: Minimum | None = None  # every member, before the control plane moves here
    kernel: Minimum | None = None  # these on each host that moves here
    containerd: Minimum | None = None
    cgroup_v2: Feature | None = None
    cri_endpoint: Feature | None = None  # a kubelet that is told where its runtime listens, and has no dockershim


@dataclass(frozen=True)
class Removed:
    """What this release no longer knows. Flags by component (kubelet, kube-apiserver and so on), without dashes.

    `cloud_providers`: values of --cloud-provider; where `unless_off` names a feature gate that is set to false, they
    are still there. `of_dockershim`: flags that a kubelet cannot do without as long as it runs one, on which
    `needs.cri_endpoint` has its say.
    """

    __pydantic_config__ = _STRICT
    source: str
    flags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    feature_gates: tuple[str, ...] = ()
    admission_plugins: tuple[str, ...] = ()
    apis: tuple[str, ...] = ()  # as `batch/v1beta1 CronJob`
    cloud_providers: tuple[str, ...] = ()
    unless_off: str = ""
    of_dockershim: bool = False


@dataclass(frozen=True)
class Locked:
    """Feature gates that this release does not let be set otherwise than to their defaults."""

    __pydantic_config__ = _STRICT
    source: str
    enabled: tuple[str, ...] = ()
    disabled: tuple[str, ...] = ()


@dataclass(frozen=True)
class Release:
    """One minor release."""

    __pydantic_config__ = _STRICT
    release: str
    support: Support
    patches: Patches
    components: Components
    kubeadm: Kubeadm
    needs: Needs = field(default_factory=Needs)
    removed: tuple[Removed, ...] = ()
    locked: tuple[Locked, ...] = ()
    notes: tuple[Reason, ...] = ()  # what a person should know before this hop

    @property
    def minor(self) -> int:
        return int(self.release.partition(".")[2])

    @property
    def last_patch(self) -> Version:
        return Version(1, self.minor, self.patches.last)

    def phase(self, day: date) -> Phase:
        """Which part of its life the release is in on this day."""
        if day < self.support.released:
            return Phase.FUTURE
        if day < self.support.maintenance:
            return Phase.SUPPORTED
        return Phase.MAINTENANCE if day < self.support.end_of_life else Phase.ENDED

    def etcd_of(self, patch: int) -> str:
        """The etcd image tag that this patch deploys, as far as is known: never one that is too new."""
        known = [first for first in self.components.etcd if first <= patch]
        return self.components.etcd[max(known, default=min(self.components.etcd))]

    def why_avoid(self, version: Version) -> Reason | None:
        """Why this version is never installed; None for a good one."""
        return self.patches.avoid.get(str(version))


class Releases:
    """All releases that something is known of."""

    def __init__(self, releases: Iterable[Release]) -> None:
        self._by_minor = {release.minor: release for release in sorted(releases, key=lambda one: one.minor)}

    def __iter__(self) -> Iterator[Release]:
        """Oldest first."""
        return iter(self._by_minor.values())

    def __contains__(self, minor: int) -> bool:
        return minor in self._by_minor

    def of(self, minor: int) -> Release:
        """Raises ReleaseFactsError with what to add."""
        if minor not in self._by_minor:
            raise ReleaseFactsError(unknown(minor))
        return self._by_minor[minor]

    def maintained(self, day: date) -> tuple[Release, ...]:
        """The releases that get fixes on this day, oldest first."""
        return tuple(one for one in self if one.phase(day) in (Phase.SUPPORTED, Phase.MAINTENANCE))


def unknown(minor: int) -> str:
    """The sentence on a release without facts."""
    return (
        f"nothing is known of Kubernetes 1.{minor}: put a file 1.{minor}.yaml with its facts into the directory that "
        f"{DIRECTORY_VARIABLE} names (docs/releases.md says what it holds)"
    )


def beyond(minor: int, newest: int) -> str:
    """The sentence on a release that lies more than one after all that are known."""
    return (
        f"Kubernetes 1.{minor} is not known; the newest known is 1.{newest}: choose one up to that, or put the facts "
        f"of those between into the directory that {DIRECTORY_VARIABLE} names (docs/releases.md says how)"
    )
