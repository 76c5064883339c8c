"""Which packages are published, and what is in them?

Names, dependencies and files are those of kubernetes/release, cmd/krel/templates/latest (the ``.spec`` files and
metadata.yaml), as far as a small image can satisfy them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from hosts.packages import units
from hosts.packages.launcher import launcher
from hosts.packages.model import File, Format, Package
from hosts.standins.archive import archive

REVISION_PREFIX = {Format.DEB: "", Format.RPM: "150500."}
LAUNCHED = "/usr/libexec/kubernetes/kubelet.pyz"
NO_SCRIPTS = units.Scripts()


@dataclass(frozen=True)
class Build:
    """One release as it was packaged; a rebuild has another ``revision``."""

    version: str
    revision: str = "1.1"

    @property
    def minor(self) -> int:
        return int(self.version.split(".")[1])


BUILDS = (
    Build("1.28.3"),
    Build("1.28.15"),
    Build("1.29.0"),
    Build("1.29.15"),
    Build("1.29.15", "2.1"),
    Build("1.30.14"),
    Build("1.31.14"),
)

#: What a minor's repository offers beside Kubernetes itself: cri-tools and kubernetes-cni.
COMPANIONS = {
    27: (Build("1.27.0"), Build("1.2.0", "2.1")),
    28: (Build("1.28.0"), Build("1.2.0", "2.1")),
    29: (Build("1.29.0"), Build("1.3.0")),
    30: (Build("1.30.1"), Build("1.4.0")),
    31: (Build("1.31.1"), Build("1.5.1")),
}


def minors(builds: Iterable[Build]) -> tuple[int, ...]:
    return tuple(sorted({build.minor for build in builds}))


def packages(form: Format, minor: int, builds: Iterable[Build] = BUILDS) -> tuple[Package, ...]:
    """Everything in one repository, oldest first."""
    cri_tools, cni = COMPANIONS[minor]
    found = [_cri_tools(form, cri_tools), _kubernetes_cni(form, cni)]
    for build in builds:
        if build.minor == minor:
            found += [_kubeadm(form, build), _kubelet(form, build), _kubectl(form, build)]
    return tuple(found)


def _kubeadm(form: Format, build: Build) -> Package:
    in_etc = build.minor < units.FIRST_MINOR_UNDER_USR
    path, text = units.drop_in_path(build.minor), units.drop_in(form).encode()
    files = (_program(form, "kubeadm", build), File(path, text, config=in_etc))
    summary = "Command-line utility for administering a Kubernetes cluster"
    return _package(form, "kubeadm", build, summary, files, requires=_needs(build.minor), scripts=units.RELOAD)


def _needs(minor: int) -> tuple[tuple[str, str], ...]:
    if minor < 30:
        old = "1.25.0" if minor < 28 else "1.28.0"
        cni = "1.1.1" if minor < 28 else "1.2.0"
        return (("kubelet", "1.19.0"), ("kubectl", "1.19.0"), ("kubernetes-cni", cni), ("cri-tools", old))
    return (("cri-tools", "1.30.0"),) if minor < 32 else ()


def _kubelet(form: Format, build: Build) -> Package:
    files = (
        File("/usr/bin/kubelet", launcher(LAUNCHED), 0o755),
        File(LAUNCHED, archive("kubelet", _full_version(form, build)), 0o755),
        File(units.UNIT_PATH, units.UNIT.encode(), 0o600),
        File(units.ENVIRONMENT[form], _environment(build.minor), config=True),
    )
    requires = (("kubernetes-cni", "1.1.1" if build.minor < 28 else "1.2.0"), ("util-linux", ""))
    if form is Format.DEB:
        requires += (("mount", ""),)
    directories = ("/var/lib/kubelet", "/etc/kubernetes/manifests")
    summary = "Node agent for Kubernetes clusters"
    scripts = units.SCRIPTS[form]
    return _package(form, "kubelet", build, summary, files, directories, requires=requires, scripts=scripts)


def _environment(minor: int) -> bytes:
    """Changed once, unlike the real one: what a package would have changed can be seen only where it changes."""
    return b"KUBELET_EXTRA_ARGS=\n" if minor < 29 else b"# Flags of your own\nKUBELET_EXTRA_ARGS=\n"


def _kubectl(form: Format, build: Build) -> Package:
    files = (_program(form, "kubectl", build),)
    return _package(form, "kubectl", build, "Command-line utility for interacting with a Kubernetes cluster", files)


def _cri_tools(form: Format, build: Build) -> Package:
    files = (_program(form, "crictl", build),)
    return _package(form, "cri-tools", build, "Command-line utility for interacting with a container runtime", files)


def _kubernetes_cni(form: Format, build: Build) -> Package:
    files = (File("/opt/cni/bin/README.md", b"Nothing is plugged in here: Pods exist in the lab only.\n"),)
    summary = "Binaries required to provision kubernetes container networking"
    return _package(form, "kubernetes-cni", build, summary, files, ("/etc/cni/net.d",))


def _program(form: Format, name: str, build: Build) -> File:
    return File(f"/usr/bin/{name}", archive(name, _full_version(form, build)), 0o755)


def _full_version(form: Format, build: Build) -> str:
    return f"{build.version}-{REVISION_PREFIX[form]}{build.revision}"


def _package(
    form: Format,
    name: str,
    build: Build,
    summary: str,
    files: tuple[File, ...],
    directories: tuple[str, ...] = (),
    requires: tuple[tuple[str, str], ...] = (),
    scripts: units.Scripts = NO_SCRIPTS,
) -> Package:
    revision = REVISION_PREFIX[form] + build.revision
    return Package(form, name, build.version, revision, summary, files, directories, requires, scripts=scripts)
