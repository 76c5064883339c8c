"""The package database of a host: installed, held, downloaded, on offer."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from lab.file_tree import FileTree
from lab.releases import Release, packaged

KUBERNETES = ("kubeadm", "kubectl", "kubelet")
SIZES = {"kubeadm": 41.2, "kubectl": 42.0, "kubelet": 58.3}
ARCHIVES = "/var/cache/apt/archives"
DEFAULT_BASE = "https://pkgs.k8s.io/core:/stable:"
DEFAULT_KEYRING = "/etc/apt/keyrings/kubernetes-apt-keyring.asc"


@dataclass(frozen=True)
class Source:
    """A repository entry of /etc/apt/sources.list.d."""

    url: str
    keyring: str | None

    @property
    def minor(self) -> int | None:
        found = re.search(r"/v1\.(\d+)/", self.url + "/")
        return int(found.group(1)) if found else None


@dataclass
class Packages:
    """``offered`` is what the last apt-get update saw: (package version, url), newest first.

    ``asked`` is what those saw that kept their lists apart, by URL.
    """

    installed: dict[str, str] = field(default_factory=dict)
    holds: set[str] = field(default_factory=set)
    offered: list[tuple[str, str]] = field(default_factory=list)
    asked: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    busy: int = 0

    @classmethod
    def of(cls, release: Release) -> Packages:
        installed = dict.fromkeys(KUBERNETES, release.package)
        installed |= {"containerd": "1.7.24-1", "cri-tools": "1.28.0-1.1", "kubernetes-cni": "1.2.0-2.1"}
        return cls(installed, set(KUBERNETES))

    def release(self, package: str) -> Release | None:
        version = self.installed.get(package)
        return Release.parse(version) if version else None

    def versions(self, package: str) -> list[tuple[str, str]]:
        return self.offered if package in KUBERNETES else []

    def candidate(self, package: str) -> str | None:
        known = [version for version, _ in self.versions(package)]
        known += [self.installed[package]] if package in self.installed else []
        return max(known, key=version_key, default=None)


def version_key(version: str) -> tuple[int, ...]:
    """Good enough for the versions of Kubernetes packages."""
    return tuple(int(number) for number in re.findall(r"\d+", version))


def repository_source(repository: Mapping[str, object], minor: int) -> tuple[str, str]:
    """Path and content of the file that names the repository."""
    url = f"{repository.get('base', DEFAULT_BASE)}/v1.{minor}/deb/"
    keyring = repository.get("keyring", DEFAULT_KEYRING)
    if repository.get("format", "list") == "sources":
        text = f"Types: deb\nURIs: {url}\nSuites: /\nSigned-By: {keyring}\n"
        return "/etc/apt/sources.list.d/kubernetes.sources", text
    return "/etc/apt/sources.list.d/kubernetes.list", f"deb [signed-by={keyring}] {url} /\n"


def sources(files: FileTree, only: str | None = None) -> list[Source]:
    """The Kubernetes repositories apt would read, in the order of their files, or those of one file."""
    found: list[Source] = []
    for path in [only] if only else files.files_below("/etc/apt/sources.list.d"):
        text = files.text(path) or ""
        if path.endswith(".list"):
            found += _one_line(text)
        elif path.endswith(".sources"):
            found += _deb822(text)
    return [source for source in found if "debian.org" not in source.url]


def _one_line(text: str) -> list[Source]:
    entries = []
    for line in text.splitlines():
        found = re.match(r"^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+\S+", line)
        if found:
            options = dict(part.partition("=")[::2] for part in (found.group(1) or "").split())
            entries.append(Source(found.group(2).rstrip("/"), options.get("signed-by")))
    return entries


def _deb822(text: str) -> list[Source]:
    entries = []
    for stanza in re.split(r"\n\s*\n", text):
        lines = (line for line in stanza.splitlines() if not line.startswith(("#", " ")))
        fields = {key.strip().lower(): value.strip() for key, _, value in (line.partition(":") for line in lines)}
        if "uris" in fields and fields.get("enabled", "yes") != "no":
            entries += [Source(uri.rstrip("/"), fields.get("signed-by")) for uri in fields["uris"].split()]
    return entries


def offer(source: Source) -> list[tuple[str, str]]:
    minor = source.minor
    return [] if minor is None else [(release.package, source.url) for release in packaged(minor)]
