"""From a bare machine to a node of kubeadm: the repository, the packages by the real package manager, the files."""

from __future__ import annotations

import io
import tarfile
import time
from collections.abc import Mapping

from hosts.docker import docker
from hosts.host_container import HostContainer
from hosts.packages import building, catalog
from hosts.packages.keys import gnupg
from hosts.packages.model import Format, Package
from hosts.packages.pkgs import Pkgs
from hosts.standins import client
from hosts.standins.hosts_lab import HostsLab
from lab.host import Host

#: As the official page has it: dearmored, and not where the product will put its own.
KEYRING = "/etc/apt/keyrings/kubernetes-apt-keyring.gpg"
DEB_SOURCE = "/etc/apt/sources.list.d/kubernetes.list"
RPM_SOURCE = "/etc/yum.repos.d/kubernetes.repo"
NAMES = ("kubelet", "kubeadm", "kubectl")
#: What of a simulated host is on the real one; the packages bring the rest.
FILES = ("/etc/kubernetes/", "/var/lib/kubelet/", "/var/lib/etcd/")
#: Where the runtime of a node keeps them; there is none here.
IMAGES = "/var/lib/containerd"
#: An rpm database that another package manager's system begins with knows of nothing that is there.
SYSTEM = Package(
    *(Format.RPM, "os-base", "1", "1", "What the image has"),
    provides=("/bin/sh", "util-linux", "python3", "system-release = 9.4", "system-release(releasever) = 9"),
)
#: Debian's rpm gives every user a database of their own; Red Hat's has one.
MACROS = {"/etc/rpm/macros": (b"%_dbpath /var/lib/rpm\n", 0o644)}


def furnish(
    machine: HostContainer, lab: HostsLab, node: str, pkgs: Pkgs, form: Format = Format.DEB, revision: str = "1.1"
) -> None:
    """``node`` at its cluster's version: installed, held, its kubelet enabled and running and known to the lab."""
    host = next(one.simulated.hosts[node] for one in lab.clusters.values() if node in one.simulated.hosts)
    version = f"{host.cluster.spec.version}-{catalog.REVISION_PREFIX[form]}{revision}"
    minor = host.installed("kubelet").minor
    put(machine, {client.SETTINGS: (lab.bridge.settings(node).encode(), 0o644), **node_files(host)})
    put(machine, source(pkgs, minor, form))
    machine.execute("mkdir", "-p", IMAGES)
    _INSTALL[form](machine, version)
    machine.execute("systemctl", "enable", "--now", "kubelet")


def put(machine: HostContainer, files: Mapping[str, tuple[bytes, int]]) -> None:
    """Path -> content and mode, as root, with the directories above."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, (content, mode) in files.items():
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size, entry.mode, entry.mtime = len(content), mode, time.time()
            tar.addfile(entry, io.BytesIO(content))
    docker("exec", "-i", machine.container, "tar", "-x", "-C", "/", stdin=buffer.getvalue())


def node_files(host: Host) -> Mapping[str, tuple[bytes, int]]:
    entries = ((path, entry) for path, entry in host.files.entries.items() if path.startswith(FILES))
    return {path: (entry.content, entry.mode) for path, entry in entries if entry.content is not None}


def source(pkgs: Pkgs, minor: int, form: Format) -> Mapping[str, tuple[bytes, int]]:
    """The repository of a minor as the official pages have it entered, with its key where it is a file."""
    url = pkgs.of(minor, form)
    if form is Format.RPM:
        excluded = "kubelet kubeadm kubectl cri-tools kubernetes-cni"
        text = f"[kubernetes]\nname=Kubernetes\nbaseurl={url}\nenabled=1\ngpgcheck=1\n"
        text += f"gpgkey={url}repodata/repomd.xml.key\nexclude={excluded}\n"
        return {RPM_SOURCE: (text.encode(), 0o644)}
    with gnupg() as gpg:
        key = gpg("--dearmor", data=pkgs.key.public)
    return {KEYRING: (key, 0o644), DEB_SOURCE: (f"deb [signed-by={KEYRING}] {url} /\n".encode(), 0o644)}


def _apt(machine: HostContainer, version: str) -> None:
    machine.execute("apt-get", "update", "-q")
    wanted = (f"{name}={version}" for name in NAMES)
    machine.execute("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-q", "-y", *wanted)
    machine.execute("apt-mark", "hold", *NAMES)


def prepare_rpm(machine: HostContainer) -> None:
    """Make rpm's database tell what Red Hat's would: one for all users, with the system itself in it."""
    put(machine, MACROS)
    if "no package provides" in machine.execute("sh", "-c", "rpm -q --whatprovides util-linux 2>&1 || true"):
        built = building.build([SYSTEM])[SYSTEM].read_bytes()
        put(machine, {"/root/os-base.rpm": (built, 0o644)})
        machine.execute("rpm", "--install", "/root/os-base.rpm")


def _dnf(machine: HostContainer, version: str) -> None:
    """Held by the repository's own excludes, as the official page has it."""
    prepare_rpm(machine)
    wanted = (f"{name}-{version}" for name in NAMES)
    machine.execute("dnf", "install", "-y", "-q", "--disableexcludes=kubernetes", *wanted)


_INSTALL = {Format.DEB: _apt, Format.RPM: _dnf}
