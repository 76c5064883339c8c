"""Does the real apt take our packages and repositories for real ones, and what does it say when they are broken?"""

from __future__ import annotations

import pytest

from hosts.docker import DockerError
from hosts.host_container import HostContainer
from hosts.packages.model import Format
from hosts.standins.furnish import DEB_SOURCE, put, source
from kubeadm_upgrade.packages.apt import read_madison

APT = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y")


@pytest.fixture
def pkgs(machines):
    return machines.pkgs


@pytest.fixture
def host(machines, pkgs) -> HostContainer:
    """It knows the repository of 1.28 and no other."""
    machine = machines.boot("apt1")["apt1"]
    machine.execute("rm", "-f", "/etc/apt/sources.list")
    put(machine, source(pkgs, 28, Format.DEB))
    machine.execute("apt-get", "update")
    return machine


def refused(host: HostContainer, *argv: str) -> str:
    with pytest.raises(DockerError) as told:
        host.execute(*argv)
    return str(told.value)


def use(host: HostContainer, minor: int) -> None:
    host.execute("sed", "-i", f"s#/v1\\.[0-9]*/#/v1.{minor}/#", DEB_SOURCE)


def complaints(host: HostContainer) -> str:
    """What apt-get update says of a repository; it exits with 0 all the same where it has an older index."""
    return host.execute("sh", "-c", "apt-get update 2>&1 || true")


def test_apt_installs_holds_and_upgrades(host):
    """And refuses what is held, what is older and what is not there."""
    wanted = [f"{name}=1.28.3-1.1" for name in ("kubeadm", "kubelet", "kubectl")]
    host.execute(*APT, "install", *wanted)
    assert host.execute("kubelet", "--version") == "Kubernetes v1.28.3\n"
    assert host.execute("systemctl", "is-enabled", "kubelet").strip() == "enabled"
    host.execute("apt-mark", "hold", "kubeadm", "kubelet", "kubectl")
    assert "Held packages were changed" in refused(host, *APT, "install", "kubectl=1.28.15-1.1")
    host.execute("apt-mark", "unhold", "kubectl")
    host.execute(*APT, "install", "kubectl=1.28.15-1.1")
    assert "Packages were downgraded" in refused(host, *APT, "install", "kubectl=1.28.3-1.1")
    assert "Version '1.28.99-1.1' for 'kubectl' was not found" in refused(host, *APT, "install", "kubectl=1.28.99-1.1")
    held = host.execute("dpkg-query", "-W", "-f", r"${Package} ${db:Status-Abbrev}\n", "kubeadm", "kubectl")
    assert held == "kubeadm hi \nkubectl ii \n"


def test_apt_sees_a_rebuilt_package_as_newer(host):
    use(host, 29)
    host.execute("apt-get", "update")
    offered = read_madison(host.execute("apt-cache", "madison", "kubeadm"))
    assert offered == {"kubeadm": ("1.29.15-2.1", "1.29.15-1.1", "1.29.0-1.1")}


def test_apt_takes_cri_tools_along_where_kubeadm_asks_for_a_newer_one(host):
    """And refuses as long as somebody holds it."""
    host.execute(*APT, "install", "kubeadm=1.28.15-1.1", "kubelet=1.28.15-1.1", "kubectl=1.28.15-1.1")
    host.execute("apt-mark", "hold", "cri-tools")
    use(host, 30)
    host.execute("apt-get", "update")
    assert "Unable to correct problems, you have held broken packages" in refused(
        host, *APT, "install", "kubeadm=1.30.14-1.1"
    )
    host.execute("apt-mark", "unhold", "cri-tools")
    host.execute(*APT, "install", "kubeadm=1.30.14-1.1")
    assert host.execute("dpkg-query", "-W", "-f", "${Version}", "cri-tools") == "1.30.1-1.1"


def test_an_edited_configuration_file_stays(host):
    """The drop-in is none since 1.28: it is replaced, whoever edited it."""
    host.execute(*APT, "install", "kubeadm=1.28.3-1.1", "kubelet=1.28.3-1.1", "kubectl=1.28.3-1.1")
    drop_in = "/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf"
    host.write("/etc/default/kubelet", "KUBELET_EXTRA_ARGS=--v=2\n")
    host.write(drop_in, "[Service]\nExecStart=/usr/bin/kubelet\n")
    keep = ("-o", "Dpkg::Options::=--force-confold")
    host.execute(*APT, "install", *keep, "kubeadm=1.28.15-1.1", "kubelet=1.28.15-1.1")
    assert host.read("/etc/default/kubelet") == "KUBELET_EXTRA_ARGS=--v=2\n"
    assert "KUBELET_KUBECONFIG_ARGS" in host.read(drop_in)


def test_what_apt_says_of_keys(host, pkgs):
    """Ended, another one, none: three things that a person must be told apart."""
    pkgs.expire_key(28)
    host.execute("sh", "-c", f"curl -fsSL {pkgs.of(28, 'deb')}Release.key | gpg --dearmor > /tmp/key")
    host.execute("mv", "/tmp/key", "/etc/apt/keyrings/kubernetes-apt-keyring.gpg")
    assert "EXPKEYSIG" in complaints(host)
    put(host, source(pkgs, 28, Format.DEB))
    pkgs.rotate_key(28)
    assert "NO_PUBKEY" in complaints(host)
    pkgs.mend()
    pkgs.unsign(28)
    assert "is no longer signed" in complaints(host)


def test_what_apt_says_of_a_repository_that_is_away(host, pkgs):
    pkgs.fail(28)
    assert "503  Service Unavailable" in complaints(host)
    pkgs.mend()
    pkgs.withdraw(28)
    assert "404  Not Found" in complaints(host)
    pkgs.mend()
    pkgs.refuse_connections()
    assert "connection refused" in complaints(host).lower()
    pkgs.accept_connections()
    assert "Err:" not in complaints(host)
