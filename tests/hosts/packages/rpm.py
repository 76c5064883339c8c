"""How is an .rpm made? By rpmbuild, from a spec that copies files which are there already."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from hosts.packages.deb import EPOCH
from hosts.packages.model import Package

_SECTIONS = {"after_install": "post", "before_remove": "preun", "after_remove": "postun"}
#: Nothing that looks into the files, strips them or guesses what they need: the package says it all.
_MACROS = {
    "__os_install_post": "%{nil}",
    "debug_package": "%{nil}",
    "_build_id_links": "none",
    "_binary_payload": "w1.gzdio",
    "_buildhost": "build.example.org",
    "use_source_date_epoch_as_buildtime": "1",
    "clamp_mtime_to_source_date_epoch": "1",
}


def rpm(package: Package) -> bytes:
    with tempfile.TemporaryDirectory() as name:
        top = Path(name)
        _lay_out(package, top / "files")
        (top / "package.spec").write_text(spec(package))
        macros = {**_MACROS, "_topdir": str(top), "_rpmfilename": "built.rpm"}
        defines = (word for key, value in macros.items() for word in ("--define", f"{key} {value}"))
        argv = ("rpmbuild", "-bb", "--quiet", "--nodeps", "--target", package.architecture, *defines)
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": name, "SOURCE_DATE_EPOCH": str(EPOCH)}
        done = subprocess.run(
            [*argv, str(top / "package.spec")], env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise RuntimeError(f"rpmbuild of {package.file_name}: {done.stderr}")
        return (top / "RPMS" / "built.rpm").read_bytes()


def spec(package: Package) -> str:
    return "\n".join([*_preamble(package), *_scriptlets(package), "%files", *_listed(package), ""])


def _preamble(package: Package) -> Iterator[str]:
    yield from (f"Name: {package.name}", f"Version: {package.version}", f"Release: {package.revision}")
    yield from (f"Summary: {package.summary}", "License: Apache-2.0", "URL: https://kubernetes.io", "AutoReqProv: no")
    yield "Packager: Kubernetes Authors <dev@kubernetes.io>"
    for name, least in package.requires:
        yield f"Requires: {name} >= {least}" if least else f"Requires: {name}"
    yield from (f"Provides: {name}" for name in package.provides)
    yield from (f"Conflicts: {name}" for name in package.conflicts)
    yield from ("%description", f"{package.summary}.", "%install", "cp -a %{_topdir}/files/. %{buildroot}/")


def _scriptlets(package: Package) -> Iterator[str]:
    for field, section in _SECTIONS.items():
        if body := getattr(package.scripts, field):
            yield from (f"%{section}", body.rstrip("\n"))


def _listed(package: Package) -> Iterator[str]:
    for file in package.files:
        yield f"{'%config(noreplace) ' if file.config else ''}%attr({file.mode:o},root,root) {file.path}"
    yield from (f"%dir %attr(755,root,root) {path}" for path in package.directories)


def _lay_out(package: Package, root: Path) -> None:
    root.mkdir()
    for directory in package.directories:
        (root / directory.lstrip("/")).mkdir(parents=True)
    for file in package.files:
        path = root / file.path.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
