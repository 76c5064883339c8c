"""Does the real dnf take our packages and repositories for real ones, and what does it say when they are broken?"""

from __future__ import annotations

import pytest

from hosts import images
from hosts.docker import DockerError
from hosts.host_container import HostContainer
from hosts.packages.model import Format
from hosts.standins.furnish import RPM_SOURCE, prepare_rpm, put, source

DNF = ("dnf", "-y", "-q", "--disableexcludes=kubernetes")


@pytest.fixture
def pkgs(machines):
    return machines.pkgs


@pytest.fixture
def host(machines, pkgs) -> HostContainer:
    """It knows the repository of 1.29 and no other."""
    machine = machines.boot("dnf1", image=images.DNF)["dnf1"]
    prepare_rpm(machine)
    put(machine, source(pkgs, 29, Format.RPM))
    return machine


def refused(host: HostContainer, *argv: str) -> str:
    with pytest.raises(DockerError) as told:
        host.execute("sh", "-c", '"$@" >&2', "sh", *argv)
    return str(told.value)


def installed(host: HostContainer, *names: str) -> list[str]:
    return host.execute("rpm", "-q", "--qf", "%{name} %{version}-%{release}\n", *names).splitlines()


def test_dnf_lists_installs_and_upgrades(host):
    host.execute("dnf", "makecache")
    listed = host.execute("dnf", "-q", "--showduplicates", "--disableexcludes=all", "list", "kubeadm").splitlines()
    assert [line.split()[1] for line in listed[1:]] == [
        "1.29.0-150500.1.1",
        "1.29.15-150500.1.1",
        "1.29.15-150500.2.1",
    ]
    host.execute(*DNF, "install", *(f"{name}-1.29.0-150500.1.1" for name in ("kubeadm", "kubelet", "kubectl")))
    host.execute(*DNF, "install", "kubeadm-1.29.15-150500.1.1")
    assert installed(host, "kubeadm", "kubelet") == ["kubeadm 1.29.15-150500.1.1", "kubelet 1.29.0-150500.1.1"]


def test_an_excluded_package_is_not_touched_by_an_upgrade_of_everything(host):
    host.execute(*DNF, "install", "kubectl-1.29.0-150500.1.1")
    host.execute("dnf", "-y", "-q", "upgrade")
    assert installed(host, "kubectl") == ["kubectl 1.29.0-150500.1.1"]
    assert "exclude filtering" in refused(host, "dnf", "-y", "install", "kubectl-1.29.15-150500.2.1")


def test_dnf_goes_back_to_an_older_package_without_being_asked_twice(host):
    """Apt refuses this: whoever uses dnf must look at the versions first."""
    host.execute(*DNF, "install", "kubectl-1.29.15-150500.2.1")
    host.execute(*DNF, "install", "kubectl-1.29.0-150500.1.1")
    assert installed(host, "kubectl") == ["kubectl 1.29.0-150500.1.1"]


def test_a_versionlock_keeps_a_package(host):
    host.execute(*DNF, "install", "kubectl-1.29.0-150500.1.1")
    host.execute("dnf", "-q", "versionlock", "add", "kubectl")
    assert "kubectl-0:1.29.0-150500.1.1.*" in host.read("/etc/dnf/plugins/versionlock.list")
    refused(host, *DNF, "install", "kubectl-1.29.15-150500.2.1")
    host.execute("dnf", "-q", "versionlock", "delete", "kubectl")
    host.execute(*DNF, "install", "kubectl-1.29.15-150500.2.1")


def test_an_edited_configuration_file_stays_and_the_new_one_is_laid_beside_it(host):
    """Where both have changed; a file that is the same in both packages needs no second one."""
    host.execute(*DNF, "install", "kubelet-1.29.0-150500.1.1")
    host.write("/etc/sysconfig/kubelet", "KUBELET_EXTRA_ARGS=--v=2\n")
    host.execute(*DNF, "install", "kubelet-1.29.15-150500.1.1")
    assert host.read("/etc/sysconfig/kubelet") == "KUBELET_EXTRA_ARGS=--v=2\n"


def test_what_dnf_says_of_keys(host, pkgs):
    """A key that is published is imported with -y, be it another one or ended; a package without one is refused."""
    pkgs.rotate_key(29)
    host.execute(*DNF, "install", "kubectl-1.29.0-150500.1.1")
    pkgs.mend()
    pkgs.unsign(29)
    host.execute("dnf", "clean", "all")
    assert "is not signed" in refused(host, *DNF, "install", "kubectl-1.29.15-150500.2.1")


def test_what_dnf_says_of_a_repository_that_is_not_there(host, pkgs):
    """Why is only said without -q; the exit status is the same for all."""
    pkgs.withdraw(29)
    assert "Status code: 404" in refused(host, "dnf", "makecache", "--refresh")
    assert "Status code" not in refused(host, "dnf", "-q", "makecache", "--refresh")
    pkgs.mend()
    pkgs.fail(29)
    assert "Status code: 503" in refused(host, "dnf", "makecache", "--refresh")
    host.execute("sed", "-i", "s#/v1.29/#/v1.31/#", RPM_SOURCE)
    host.execute("dnf", "makecache", "--refresh")
