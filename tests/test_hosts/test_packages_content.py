"""Are the packages what dpkg and rpm call packages, with the content of the real ones?"""

from __future__ import annotations

import io
import shutil
import subprocess
import time
import zipfile
from pathlib import Path

import pytest

from hosts.packages import building, catalog, deb, rpm, tools
from hosts.packages.catalog import Build
from hosts.packages.model import File, Format, Package

pytestmark = pytest.mark.skipif(tools.why_not() is not None, reason=str(tools.why_not()))
needs_dpkg = pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="dpkg-deb missing")


def tell(*argv: str) -> str:
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout


def built(form: Format, name: str, version: str = "1.29.15", revision: str = "1.1") -> tuple[Package, Path]:
    builds = [Build(version, revision)]
    found = next(one for one in catalog.packages(form, builds[0].minor, builds) if one.name == name)
    return found, building.build([found])[found]


@needs_dpkg
def test_dpkg_reads_what_apt_must_know_of_a_kubelet():
    package, path = built(Format.DEB, "kubelet")
    assert tell("dpkg-deb", "--field", str(path), "Package", "Version", "Depends").splitlines() == [
        "Package: kubelet",
        "Version: 1.29.15-1.1",
        "Depends: kubernetes-cni (>= 1.2.0), util-linux, mount",
    ]
    assert tell("dpkg-deb", "--info", str(path), "conffiles") == "/etc/default/kubelet\n"
    assert package.file_name == f"kubelet_1.29.15-1.1_{package.architecture}.deb"


@needs_dpkg
def test_dpkg_unpacks_files_with_their_modes_and_directories():
    _, path = built(Format.DEB, "kubelet")
    listed = {line.split()[-1]: line.split()[:2] for line in tell("dpkg-deb", "--contents", str(path)).splitlines()}
    assert listed["./usr/lib/systemd/system/kubelet.service"] == ["-rw-------", "root/root"]
    assert listed["./usr/bin/kubelet"] == ["-rwxr-xr-x", "root/root"]
    assert listed["./var/lib/kubelet/"] == ["drwxr-xr-x", "root/root"]
    assert listed["./etc/kubernetes/manifests/"] == ["drwxr-xr-x", "root/root"]
    assert not [name for name in listed if "//" in name]


@pytest.mark.parametrize(
    ("version", "path", "config"),
    [
        ("1.27.16", "/etc/systemd/system/kubelet.service.d/10-kubeadm.conf", True),
        ("1.28.3", "/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf", False),
    ],
)
def test_the_drop_in_is_the_kubeadm_packages_and_was_once_a_configuration_file(version, path, config):
    package = next(
        one for one in catalog.packages(Format.DEB, Build(version).minor, [Build(version)]) if one.name == "kubeadm"
    )
    assert [(file.path, file.config) for file in package.files if file.path.endswith(".conf")] == [(path, config)]


def test_rpm_reads_what_dnf_must_know_of_a_kubelet():
    package, path = built(Format.RPM, "kubelet", revision="2.1")
    query = tell("rpm", "-qp", "--qf", "%{name} %{version}-%{release} %{arch}\n", str(path))
    assert query == f"kubelet 1.29.15-150500.2.1 {package.architecture}\n"
    assert tell("rpm", "-qp", "--configfiles", str(path)).split() == ["/etc/sysconfig/kubelet"]
    needed = {line for line in tell("rpm", "-qp", "--requires", str(path)).splitlines() if "rpmlib" not in line}
    assert needed == {"/bin/sh", "kubernetes-cni >= 1.2.0", "util-linux"}
    scripts = tell("rpm", "-qp", "--scripts", str(path))
    assert "systemctl --system daemon-reload" in scripts
    assert "systemctl --no-reload disable --now kubelet.service" in scripts


def test_what_kubeadm_depends_on_changes_with_the_minor():
    def needs(version: str) -> dict[str, str]:
        packages = catalog.packages(Format.DEB, Build(version).minor, [Build(version)])
        return dict(next(one for one in packages if one.name == "kubeadm").requires)

    assert needs("1.29.0") == {
        "kubelet": "1.19.0",
        "kubectl": "1.19.0",
        "kubernetes-cni": "1.2.0",
        "cri-tools": "1.28.0",
    }
    assert needs("1.30.14") == {"cri-tools": "1.30.0"}


@pytest.mark.parametrize("form", list(Format))
def test_every_minor_offers_kubernetes_and_its_companions(form):
    for minor in catalog.minors(catalog.BUILDS):
        names = {package.name for package in catalog.packages(form, minor)}
        assert names == {"kubeadm", "kubelet", "kubectl", "cri-tools", "kubernetes-cni"}


@pytest.mark.parametrize("form", list(Format))
def test_the_same_content_gives_the_same_package(form):
    package = Package(form, "probe", "1.0", "1", "Nothing", files=(File("/usr/share/probe", b"x"),))
    make = deb.deb if form is Format.DEB else rpm.rpm
    assert make(package) == make(package)


def test_packages_are_built_once(tmp_path, monkeypatch):
    """And fast: every test run on a fresh machine pays for all of them."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    packages = catalog.packages(Format.RPM, 28)
    started = time.monotonic()
    first = building.build(packages)
    middle = time.monotonic()
    assert building.build(packages) == first
    assert time.monotonic() - middle < (middle - started) / 2
    assert (middle - started) / len(packages) < 1


def test_a_stand_in_is_one_file_that_knows_its_package_version():
    package, _ = built(Format.DEB, "kubectl", revision="2.1")
    (program,) = package.files
    assert program.content.startswith(b"#!/usr/bin/python3 -SE\n")
    with zipfile.ZipFile(io.BytesIO(program.content)) as archive:
        assert "'1.29.15-2.1'" in archive.read("__main__.py").decode()


def test_the_kubelet_is_a_program_of_its_own_to_the_kernel():
    """A script would be its interpreter in /proc/PID/exe, and never be seen as replaced."""
    package, _ = built(Format.DEB, "kubelet")
    binary = next(file for file in package.files if file.path == "/usr/bin/kubelet")
    assert binary.content.startswith(b"\x7fELF")
