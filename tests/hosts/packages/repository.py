"""The repositories of several minors on disk, laid out like pkgs.k8s.io."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hosts.packages import catalog, deb_index
from hosts.packages.building import build
from hosts.packages.catalog import BUILDS, Build
from hosts.packages.deb import EPOCH
from hosts.packages.keys import SigningKey
from hosts.packages.model import Format, Package
from hosts.packages.signer import Signer

#: Below this every minor has a directory; pkgs.k8s.io itself redirects to such a path on its mirrors.
STABLE = "core:/stable:"


@dataclass(frozen=True)
class Publication:
    """How a minor is published. ``key_as_it_was``: the key is handed out as it was before its end was put off.

    ``without`` are package versions that are not there, as ``1.29.15-1.1``, whichever the format.
    """

    key: SigningKey
    key_as_it_was: bool = False
    signed: bool = True
    without: frozenset[str] = frozenset()

    @property
    def public_key(self) -> bytes:
        return self.key.before if self.key_as_it_was else self.key.public


class Repository:
    """``publish`` writes the directory of one minor anew; what is not published does not exist."""

    def __init__(self, root: Path, signer: Signer, builds: Iterable[Build] = BUILDS) -> None:
        self.root = root
        self.builds = tuple(builds)
        self._signer = signer

    @property
    def minors(self) -> tuple[int, ...]:
        return catalog.minors(self.builds)

    def publish(self, minor: int, publication: Publication) -> None:
        for form in Format:
            wanted = (package for package in catalog.packages(form, minor, self.builds))
            there = (package for package in wanted if _short(package) not in publication.without)
            target = self.directory(minor, form)
            unfinished = target.with_name(f"{form}.new")
            shutil.rmtree(unfinished, ignore_errors=True)
            unfinished.mkdir(parents=True)
            _WRITERS[form](self._signer, unfinished, minor, build(there), publication)
            shutil.rmtree(target, ignore_errors=True)
            unfinished.rename(target)

    def withdraw(self, minor: int) -> None:
        """As of a minor that was never published, or that a mirror has dropped."""
        shutil.rmtree(self.root / STABLE / f"v1.{minor}", ignore_errors=True)

    def directory(self, minor: int, form: Format) -> Path:
        return self.root / STABLE / f"v1.{minor}" / form


def _short(package: Package) -> str:
    return f"{package.version}-{package.revision.removeprefix(catalog.REVISION_PREFIX[package.format])}"


def _write_deb(signer: Signer, root: Path, minor: int, built: Mapping[Package, Path], publication: Publication) -> None:
    for package, path in built.items():
        _link(path, root / package.architecture / package.file_name)
    index = deb_index.packages_index(built)
    release, packed = deb_index.release(minor, index)
    files = {"Packages": index, "Packages.gz": packed, "Release": release, "Release.key": publication.public_key}
    if publication.signed:
        files["Release.gpg"] = signer.detached(publication.key, release)
        files["InRelease"] = signer.inline(publication.key, release)
    for name, data in files.items():
        (root / name).write_bytes(data)


def _write_rpm(signer: Signer, root: Path, minor: int, built: Mapping[Package, Path], publication: Publication) -> None:
    files = {f"{package.architecture}/{package.file_name}": path for package, path in built.items()}
    if publication.signed:
        files = dict(signer.signed_rpms(publication.key, files))
    for name, path in files.items():
        _link(path, root / name)
    argv = ("createrepo_c", "--quiet", "--revision", f"1.{minor}", str(root))
    subprocess.run(argv, check=True, env={**os.environ, "SOURCE_DATE_EPOCH": str(EPOCH)})
    index = root / "repodata" / "repomd.xml"
    (root / "repodata" / "repomd.xml.key").write_bytes(publication.public_key)
    if publication.signed:
        (root / "repodata" / "repomd.xml.asc").write_bytes(signer.detached(publication.key, index.read_bytes()))


_WRITERS = {Format.DEB: _write_deb, Format.RPM: _write_rpm}


def _link(source: Path, target: Path) -> None:
    """A name for a file of the cache; a copy where the two are on different disks."""
    target.parent.mkdir(exist_ok=True)
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copyfile(source, target)
