"""Build packages, several at once, and each only once."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from hosts.packages import deb, rpm
from hosts.packages.cache import cached
from hosts.packages.model import Format, Package

_BUILDERS = {Format.DEB: deb, Format.RPM: rpm}


def build(packages: Iterable[Package]) -> Mapping[Package, Path]:
    """Package -> the file it was built into, whose name is a hash."""
    wanted = tuple(dict.fromkeys(packages))
    with ThreadPoolExecutor(os.cpu_count()) as workers:
        return dict(zip(wanted, workers.map(_build, wanted), strict=True))


def _build(package: Package) -> Path:
    builder = _BUILDERS[package.format]
    recipe = Path(str(builder.__file__)).read_bytes()
    make = deb.deb if package.format is Format.DEB else rpm.rpm
    return cached((recipe, package), lambda: make(package))
