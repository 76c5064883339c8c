"""The port to a host's package manager. apt.py and dnf.py speak to theirs; nothing else knows how that is done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

from kubeadm_upgrade.actions import Run
from kubeadm_upgrade.errors import CommandFailed
from kubeadm_upgrade.facts import HostFacts, OsRelease
from kubeadm_upgrade.hop import Repository
from kubeadm_upgrade.packages import apt, dnf
from kubeadm_upgrade.query import Query

Versions = Mapping[str, tuple[str, ...]]


class PackageManager(Protocol):
    """What the procedure asks of a package manager; a module is one."""

    FORMAT: str  # deb or rpm: also the directory of a repository
    QUERIES: tuple[Query[Mapping[str, Any]], ...]  # each answers with fields of HostFacts
    CONFFILES: tuple[str, ...]  # of the Kubernetes packages, now or in earlier releases
    AT_ONCE: int  # how many repositories one command can be asked for
    SHIPPED: str  # what the name of the package's own version ends in, where an edited file was kept

    REBOOT: Query[bool] | None  # whether a restart is waited for; None: a file says so, see machine.py

    def key_url(self, url: str) -> str:
        """Where a repository of this format publishes its signing key."""

    def before_published(self, host: HostFacts, urls: Sequence[str]) -> Iterator[Run]:
        """What is run before `published`, and changes nothing that anybody else uses."""

    def unanswered(self, output: str) -> Mapping[str, str]:
        """URL -> why, of the repositories that a command of `before_published` says it got nothing from."""

    def owners(self, path: str) -> Query[tuple[str, ...]]:
        """The packages that have installed this file; none where somebody has put it there otherwise."""

    def published(self, host: HostFacts, urls: Sequence[str]) -> Query[Mapping[str, Versions]]:
        """URL -> what this repository offers the host, whether or not it is configured to use it yet."""

    def is_missing(self, error: CommandFailed) -> bool:
        """Whether they failed because there is no such repository, and not because of a passing trouble."""

    def kubernetes_sources(self, sources: Mapping[str, str]) -> tuple[str, ...]:
        """The repository files that offer Kubernetes packages of some minor release."""

    def would_be_lost(self, sources: Mapping[str, str]) -> Iterator[str]:
        """A sentence for all that somebody else would miss, once the repository's file is replaced."""

    def why_not_installed(self, host: HostFacts) -> Iterator[str]:
        """Sentences on what keeps the packages from being installed, and is not ours to lift."""

    def switched(self, host: HostFacts, repository: Repository) -> bool:
        """Whether the host uses exactly this repository."""

    def switch(self, host: HostFacts, repository: Repository) -> Iterator[Run]:
        """Point the host at the repository of another minor release, with its signing key."""

    def as_switched(self, host: HostFacts, repository: Repository) -> Mapping[str, Any]:
        """The fields of HostFacts that `switch` changes."""

    def install(self, host: HostFacts, versions: Mapping[str, str], unit: str) -> Run:
        """Install exactly these versions, never an older one than there is, whatever holds them until then.

        Edited configuration files stay, and no other package is removed.
        """

    def is_held(self, host: HostFacts, versions: Mapping[str, str]) -> bool:
        """Whether each of these packages is kept from changing, at this version."""

    def hold(self, host: HostFacts, versions: Mapping[str, str]) -> Iterator[Run]:
        """Keep these packages, which are at these versions, from changing with the rest of the system."""

    def download(self, host: HostFacts, versions: Mapping[str, str], unit: str) -> Run:
        """Fetch into the package cache and install nothing; holds stay as they are."""

    def archive_name(self, package: str, version: str) -> str:
        """The start of the file name that a package has in the cache; the architecture follows."""


APT: PackageManager = apt
DNF: PackageManager = dnf
MANAGERS: Mapping[str, PackageManager] = {manager.FORMAT: manager for manager in (APT, DNF)}


def why_not_switch(manager: PackageManager, host: HostFacts) -> str | None:
    """Why the repository entry cannot be replaced without a loss; None when it can."""
    files = manager.kubernetes_sources(host.sources)
    if len(files) > 1:
        return f"more than one file offers Kubernetes packages ({', '.join(files)}): remove all but one"
    return next(manager.would_be_lost(host.sources), None)


UNKNOWN_SYSTEM = "only systems with apt (Debian, Ubuntu) or dnf 4 (Red Hat 8 and later, and its kin) are supported"


def manager_of(os: OsRelease) -> PackageManager | None:
    """The package manager of an operating system; None for one that we do not know."""
    return MANAGERS.get(os.package_format or "")
