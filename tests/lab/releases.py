"""Which releases exist, and what does each kubeadm deploy?

Facts as data. Image tags of 1.22 and 1.23 are those of golden/kubeadm-upgrade-plan.txt, those of 1.33
and 1.34 those of golden/flags/kubeadm-config-images-list-*.txt; the rest is from release notes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

LATEST_PATCH = {
    22: 17, 23: 17, 24: 17, 25: 16, 26: 15, 27: 16, 28: 15, 29: 15,
    30: 14, 31: 14, 32: 13, 33: 13, 34: 11, 35: 9, 36: 5, 37: 1,
}  # fmt: skip

#: The etcd tag of a line's first patches and of its last ones.
ETCD = {
    22: ("3.5.0-0", "3.5.0-0"), 23: ("3.5.1-0", "3.5.1-0"), 24: ("3.5.3-0", "3.5.6-0"),
    25: ("3.5.4-0", "3.5.6-0"), 26: ("3.5.6-0", "3.5.10-0"), 27: ("3.5.7-0", "3.5.12-0"),
    28: ("3.5.9-0", "3.5.15-0"), 29: ("3.5.10-0", "3.5.16-0"), 30: ("3.5.12-0", "3.5.15-0"),
    31: ("3.5.15-0", "3.5.24-0"), 32: ("3.5.16-0", "3.5.24-0"), 33: ("3.5.21-0", "3.5.24-0"),
    34: ("3.6.4-0", "3.6.5-0"), 35: ("3.6.6-0", "3.6.6-0"), 36: ("3.6.8-0", "3.6.11-0"),
    37: ("3.7.0-0", "3.7.0-0"),
}  # fmt: skip

#: Tags that no release brings by itself: somebody asks for them with etcd.local.imageTag.
ETCD_TAGS = frozenset({tag for tags in ETCD.values() for tag in tags} | {"3.5.26-0"})

COREDNS = {
    22: "v1.8.4", 23: "v1.8.6", 24: "v1.8.6", 25: "v1.9.3", 26: "v1.9.3", 27: "v1.10.1", 28: "v1.10.1",
    29: "v1.11.1", 30: "v1.11.3", 31: "v1.11.3", 32: "v1.11.3", 33: "v1.12.0", 34: "v1.12.1", 35: "v1.13.1",
    36: "v1.14.2", 37: "v1.14.3",
}  # fmt: skip

PAUSE = {
    22: "3.5", 23: "3.6", 24: "3.7", 25: "3.8", 26: "3.9", 27: "3.9", 28: "3.9", 29: "3.9",
    30: "3.9", 31: "3.10", 32: "3.10", 33: "3.10", 34: "3.10.1", 35: "3.10.1", 36: "3.10.2", 37: "3.10.2",
}  # fmt: skip

#: Packages are rebuilt now and then; whoever assumes "-1.1" must find out here and not in production.
REBUILT = {(32, 13): "2.1", (30, 8): "2.1"}


@dataclass(frozen=True, order=True)
class Release:
    """A Kubernetes version; ``str`` gives it without the ``v``."""

    major: int
    minor: int
    patch: int

    @classmethod
    def parse(cls, text: str) -> Release:
        found = re.fullmatch(r"v?(\d+)\.(\d+)\.(\d+)(?:-.*)?", text)
        if found is None:
            raise ValueError(f"{text!r} is not a Kubernetes version")
        return cls(*(int(part) for part in found.groups()))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"

    @property
    def v(self) -> str:
        return f"v{self}"

    @property
    def package(self) -> str:
        return f"{self}-{REBUILT.get((self.minor, self.patch), '1.1')}"

    @property
    def etcd(self) -> str:
        early, late = ETCD.get(self.minor, ETCD[max(ETCD)])
        return late if self.patch * 2 > LATEST_PATCH.get(self.minor, 0) else early

    @property
    def coredns(self) -> str:
        return COREDNS.get(self.minor, COREDNS[max(COREDNS)])

    @property
    def pause(self) -> str:
        return PAUSE.get(self.minor, PAUSE[max(PAUSE)])

    @property
    def registry(self) -> str:
        return "k8s.gcr.io" if self.minor < 25 else "registry.k8s.io"

    @property
    def kubelet_config(self) -> str:
        """The name of the kubelet's ConfigMap."""
        return f"kubelet-config-{self.major}.{self.minor}" if self.minor < 24 else "kubelet-config"

    def image(self, component: str) -> str:
        tags = {"etcd": self.etcd, "pause": self.pause, "coredns/coredns": self.coredns}
        return f"{self.registry}/{component}:{tags.get(component, self.v)}"


def etcd_version(tag: str) -> tuple[int, ...]:
    """To compare: ``3.5.24-0`` is older than ``3.5.26-0``."""
    return tuple(int(part) for part in re.findall(r"\d+", tag))


def is_published(image: str) -> bool:
    """Does the registry have it?"""
    name, _, tag = image.rpartition("/")[2].partition(":")
    tags = {"etcd": ETCD_TAGS, "pause": set(PAUSE.values()), "coredns": set(COREDNS.values())}
    if name in tags:
        return tag in tags[name]
    found = re.fullmatch(r"v1\.(\d+)\.(\d+)", tag)
    return found is not None and int(found[2]) <= LATEST_PATCH.get(int(found[1]), -1)


def packaged(minor: int) -> list[Release]:
    """Every release the repository of this minor offers, newest first."""
    if minor not in LATEST_PATCH:
        return []
    return [Release(1, minor, patch) for patch in range(LATEST_PATCH[minor], -1, -1)]


def client_version(release: Release) -> dict[str, str]:
    """What every component says of itself; golden/version-1.22.json."""
    return {
        "major": str(release.major),
        "minor": str(release.minor),
        "gitVersion": release.v,
        "gitCommit": "0" * 40,
        "gitTreeState": "clean",
        "buildDate": "2023-02-22T13:39:03Z",
        "goVersion": "go1.21.13",
        "compiler": "gc",
        "platform": "linux/amd64",
    }
