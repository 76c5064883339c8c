"""How is a .deb made? An ar archive of two tar archives, see deb(5)."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from hosts.packages.model import File, Package

#: Everything in a package is as old as this: the same content is then the same package.
EPOCH = 1_700_000_000
_SCRIPTS = {"after_install": "postinst", "before_remove": "prerm", "after_remove": "postrm"}


def deb(package: Package) -> bytes:
    control = {"control": (control_text(package), 0o644)}
    if package.configs:
        control["conffiles"] = ("".join(f"{path}\n" for path in package.configs), 0o644)
    for field, name in _SCRIPTS.items():
        if body := getattr(package.scripts, field):
            control[name] = (f"#!/bin/sh\nset -e\n{body}", 0o755)
    files = [File(f"/{name}", text.encode(), mode) for name, (text, mode) in control.items()]
    members = {
        "debian-binary": b"2.0\n",
        "control.tar.gz": _tar(files, ()),
        "data.tar.gz": _tar(package.files, package.directories),
    }
    return b"!<arch>\n" + b"".join(_member(name, data) for name, data in members.items())


def control_text(package: Package) -> str:
    """The paragraph that stands in the package, and again in the repository's index."""
    return "".join(f"{name}: {value}\n" for name, value in control(package).items() if value)


def control(package: Package) -> Mapping[str, str]:
    depends = (f"{name} (>= {least})" if least else name for name, least in package.requires)
    return {
        "Package": package.name,
        "Version": package.full_version,
        "Architecture": package.architecture,
        "Maintainer": "Kubernetes Authors <dev@kubernetes.io>",
        "Installed-Size": str(sum(len(file.content) for file in package.files) // 1024 + 1),
        "Depends": ", ".join(depends),
        "Conflicts": ", ".join(package.conflicts),
        "Section": "net",
        "Priority": "optional",
        "Homepage": "https://kubernetes.io",
        "Description": package.summary,
    }


def _member(name: str, data: bytes) -> bytes:
    header = f"{name:<16}{EPOCH:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n"
    return header.encode() + data + b"\n" * (len(data) % 2)


def _tar(files: Iterable[File], directories: Iterable[str]) -> bytes:
    buffer = io.BytesIO()
    with (
        gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=1, mtime=EPOCH) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as tar,
    ):
        files = tuple(files)
        for directory in _parents([*(file.path for file in files), *(f"{path}/." for path in directories)]):
            entry = _entry(directory, 0o755)
            entry.type = tarfile.DIRTYPE
            tar.addfile(entry)
        for file in files:
            entry = _entry(file.path, file.mode)
            entry.size = len(file.content)
            tar.addfile(entry, io.BytesIO(file.content))
    return buffer.getvalue()


def _parents(paths: Iterable[str]) -> list[str]:
    """Every directory above, each before what is in it: dpkg makes none by itself."""
    return sorted({str(parent) for path in paths for parent in PurePosixPath(path.replace("/.", "/x")).parents})


def _entry(path: str, mode: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo("." if path == "/" else f".{path}")
    entry.mode, entry.mtime, entry.uname, entry.gname = mode, EPOCH, "root", "root"
    return entry
