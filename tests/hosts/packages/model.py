"""What is a package, whichever of the two formats it is then built in?"""

from __future__ import annotations

import platform
from dataclasses import dataclass
from enum import StrEnum


class Format(StrEnum):
    """The directory of a repository, as pkgs.k8s.io names it, and the ending of a package."""

    DEB = "deb"
    RPM = "rpm"


#: What each format calls this machine's processor.
ARCHITECTURES = {
    "x86_64": {Format.DEB: "amd64", Format.RPM: "x86_64"},
    "aarch64": {Format.DEB: "arm64", Format.RPM: "aarch64"},
}[platform.machine()]


@dataclass(frozen=True)
class File:
    """``config``: dpkg asks before it replaces an edited one, rpm writes ``.rpmnew`` beside it."""

    path: str
    content: bytes
    mode: int = 0o644
    config: bool = False


@dataclass(frozen=True)
class Scripts:
    """Bodies of maintainer scripts, in shell; the two formats call them with different arguments."""

    after_install: str = ""
    before_remove: str = ""
    after_remove: str = ""


@dataclass(frozen=True)
class Package:
    """``requires`` maps a package's name to the least version, or to nothing if any will do."""

    format: Format
    name: str
    version: str
    revision: str
    summary: str
    files: tuple[File, ...] = ()
    directories: tuple[str, ...] = ()
    requires: tuple[tuple[str, str], ...] = ()
    provides: tuple[str, ...] = ()
    conflicts: tuple[str, ...] = ()
    scripts: Scripts = Scripts()

    @property
    def architecture(self) -> str:
        return ARCHITECTURES[self.format]

    @property
    def full_version(self) -> str:
        """As apt and dnf want it behind the name: ``1.29.15-1.1``, ``1.29.15-150500.1.1``."""
        return f"{self.version}-{self.revision}"

    @property
    def file_name(self) -> str:
        if self.format is Format.DEB:
            return f"{self.name}_{self.full_version}_{self.architecture}.deb"
        return f"{self.name}-{self.full_version}.{self.architecture}.rpm"

    @property
    def configs(self) -> tuple[str, ...]:
        return tuple(file.path for file in self.files if file.config)
