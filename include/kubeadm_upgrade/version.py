"""Kubernetes versions: `v1.29.4`, `1.30.0-rc.1`, and what a person writes as a target."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, total_ordering

from packaging.version import InvalidVersion
from packaging.version import Version as Pep440

# A revision says how often a version was packaged; "-1.1", "-150500.1.1" and the old repositories' "-00".
_REVISION = re.compile(r"-\d[\d.]*$")
_STAGES = {"alpha": "alpha", "beta": "beta", "rc": "release candidate"}

# Semantic version as `git describe` of Kubernetes prints it; build metadata (`+k3s1`) says nothing about skew.
_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?")
_TARGET = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?")

TARGET_PATTERN = r"^v?1\.\d+(\.\d+)?$"  # for the run parameters' JSON schema and the inventory's


@total_ordering
@dataclass(frozen=True)
class Version:
    """One Kubernetes version; pre-releases sort before their release."""

    major: int
    minor: int
    patch: int
    pre: str = ""

    @classmethod
    def parse(cls, text: str) -> Version:
        """Read `v1.29.4` or `1.29.4`. Raises ValueError with a sentence."""
        match = _VERSION.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"{text!r} is not a Kubernetes version such as v1.29.4")
        major, minor, patch, pre = match.groups()
        version = cls(int(major), int(minor), int(patch), pre or "")
        try:
            _order(str(version))
        except InvalidVersion as error:
            raise ValueError(f"{text!r} has a pre-release that cannot be ordered: {pre!r}") from error
        return version

    @classmethod
    def of_package(cls, text: str) -> Version:
        """The version inside a package version: `1.29.3-1.1`, `1.29.3-150500.1.1`, `1.27.0-00`, `1.29.0~rc.1-1.1`.

        Whatever its revision. Raises ValueError with a sentence.
        """
        return cls.parse(_REVISION.sub("", text).replace("~", "-"))

    @classmethod
    def of_tag(cls, text: str) -> Version:
        """The version in an image tag: no tag may hold a `+`, so kubeadm writes `_` for it, as in `v1.29.4_fips.1`.

        Raises ValueError with a sentence.
        """
        return cls.parse(text.replace("_", "+", 1))

    @property
    def stage(self) -> str:
        """How finished this version is: alpha, beta, release candidate or GA.

        https://github.com/kubernetes/sig-release/blob/master/release-engineering/versioning.md
        """
        return _STAGES.get(self.pre.partition(".")[0], "pre-release") if self.pre else "GA"

    @property
    def release(self) -> str:
        """The minor release, as package repositories name it: `1.29`."""
        return f"{self.major}.{self.minor}"

    @property
    def tag(self) -> str:
        """As kubeadm and image tags write it: `v1.29.4`."""
        return f"v{self}"

    def minors_ahead_of(self, other: Version) -> int:
        """How many minor releases lie between; negative when `other` is newer."""
        return (self.major - other.major) * 1000 + self.minor - other.minor

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}" + (f"-{self.pre}" if self.pre else "")

    def __lt__(self, other: Version) -> bool:
        return _order(str(self)) < _order(str(other))


@dataclass(frozen=True)
class TargetVersion:
    """What was asked for: an exact version, or a minor release meaning its latest patch in the repository."""

    major: int
    minor: int
    patch: int | None = None

    @classmethod
    def parse(cls, text: str) -> TargetVersion:
        """Read `1.29` or `1.29.4`. Raises ValueError with a sentence."""
        match = _TARGET.fullmatch(text.strip())
        if match is None:
            raise ValueError(f"{text!r} is neither a version such as 1.29.4 nor a minor release such as 1.29")
        major, minor, patch = match.groups()
        if int(major) != 1:
            raise ValueError(f"{text!r} is no release of Kubernetes: say one such as 1.33")
        return cls(int(major), int(minor), None if patch is None else int(patch))

    @property
    def release(self) -> str:
        return f"{self.major}.{self.minor}"

    def accepts(self, version: Version) -> bool:
        """Whether `version` is what was asked for; a pre-release never is."""
        same_minor = (version.major, version.minor) == (self.major, self.minor)
        return same_minor and not version.pre and self.patch in (None, version.patch)

    def is_before(self, version: Version) -> bool:
        """Whether a cluster at `version` would have to go back."""
        if self.patch is None:
            return (self.major, self.minor) < (version.major, version.minor)
        return Version(self.major, self.minor, self.patch) < version

    def __str__(self) -> str:
        return self.release if self.patch is None else f"{self.release}.{self.patch}"


def in_package(text: str) -> Version | None:
    """The version inside a package version; None for what is none: a mirror may hold packages of its own."""
    try:
        return Version.of_package(text)
    except ValueError:
        return None


@cache  # a large cluster compares the same few versions thousands of times
def _order(text: str) -> Pep440:
    return Pep440(text.replace("-alpha.", "a").replace("-beta.", "b").replace("-rc.", "rc"))


def etcd_version(tag: str | None) -> Version | None:
    """`3.5.24-0`: the part behind the dash counts rebuilds of the image. None for a tag of somebody's own."""
    try:
        return Version.of_tag(tag.partition("-")[0]) if tag else None
    except ValueError:
        return None
