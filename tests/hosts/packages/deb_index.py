"""The index of a flat apt repository: Packages, and Release, which vouches for it."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from email.utils import formatdate
from pathlib import Path

from hosts.packages.deb import EPOCH, control_text
from hosts.packages.model import ARCHITECTURES, Format, Package

_SUMS = {"MD5Sum": "md5", "SHA1": "sha1", "SHA256": "sha256"}


def packages_index(built: Mapping[Package, Path]) -> bytes:
    """``Packages``: the control paragraph of each, and where its file is. The directory is the architecture's."""
    return "\n".join(_paragraph(package, path.read_bytes()) for package, path in built.items()).encode()


def release(minor: int, packages: bytes) -> tuple[bytes, bytes]:
    """``Release``, and the packed ``Packages.gz`` that it names beside the plain one."""
    packed = gzip.compress(packages, 6, mtime=EPOCH)
    fields = {
        "Origin": f"obs://build.opensuse.org/isv:kubernetes:core:stable:v1.{minor}/deb",
        "Label": f"isv:kubernetes:core:stable:v1.{minor}",
        "Architectures": ARCHITECTURES[Format.DEB],
        "Date": formatdate(EPOCH, usegmt=True).replace("GMT", "UTC"),
        "Description": f"Kubernetes Core (stable) - v1.{minor}",
    }
    text = "".join(f"{name}: {value}\n" for name, value in fields.items())
    for title, algorithm in _SUMS.items():
        text += f"{title}:\n"
        for name, data in (("Packages", packages), ("Packages.gz", packed)):
            text += f" {_digest(algorithm, data)} {len(data)} {name}\n"
    return text.encode(), packed


def _paragraph(package: Package, data: bytes) -> str:
    where = f"Filename: {package.architecture}/{package.file_name}\nSize: {len(data)}\n"
    sums = f"MD5sum: {_digest('md5', data)}\nSHA256: {_digest('sha256', data)}\n"
    return control_text(package) + where + sums


def _digest(algorithm: str, data: bytes) -> str:
    return hashlib.new(algorithm, data, usedforsecurity=False).hexdigest()
