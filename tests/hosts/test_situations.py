"""What is found on hosts, and what a person is told of it: each situation is made, looked at, and unmade."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http import HTTPStatus

import pytest

from hosts.conftest import RealCluster
from hosts.host_container import HostContainer
from kubeadm_upgrade.errors import UpgradeError

LIST = "/etc/apt/sources.list.d/kubernetes.list"
REPO = "/etc/yum.repos.d/kubernetes.repo"
Situation = Callable[[RealCluster, HostContainer], contextlib.AbstractContextManager[object]]


@contextmanager
def written(host: HostContainer, path: str, text: str) -> Iterator[None]:
    """A file with this text, for a while."""
    before = host.execute("sh", "-c", 'cat "$0" 2>/dev/null || true', path)
    host.write(path, text)
    try:
        yield
    finally:
        if before:
            host.write(path, before)
        else:
            host.execute("rm", "-f", path)


@contextmanager
def done(host: HostContainer, do: str, undo: str) -> Iterator[None]:
    """Two lines for the host's shell: one now, one at the end."""
    host.execute("sh", "-c", do)
    try:
        yield
    finally:
        host.execute("sh", "-c", undo)


@contextmanager
def broken(real: RealCluster, how: str, *arguments: object) -> Iterator[None]:
    """The package server in trouble, by a method of Pkgs."""
    getattr(real.pkgs, how)(*arguments)
    try:
        yield
    finally:
        real.pkgs.accept_connections() if how == "refuse_connections" else real.pkgs.mend()


@contextmanager
def also(host: HostContainer, path: str, more: str) -> Iterator[None]:
    with written(host, path, host.read(path) + more):
        yield


# What preflight says of one host. `w1` has apt, `w2` dnf.
FINDINGS: dict[str, tuple[str, Situation, str]] = {
    "sudo asks for a password": (
        "w1",
        lambda real, host: written(host, "/etc/sudoers.d/upgrader", "upgrader ALL=(ALL) ALL\n"),
        "sudo asks for a password: allow true with NOPASSWD in sudoers",
    ),
    "not in sudoers": (
        "w1",
        lambda real, host: done(host, "mv /etc/sudoers.d/upgrader /root/", "mv /root/upgrader /etc/sudoers.d/"),
        "sudo asks for a password",
    ),
    "sshd has stopped": (
        "w1",
        lambda real, host: done(host, "systemctl stop ssh", "systemctl start ssh"),
        "no SSH connection",
    ),
    "another key than the one that is known": (
        "w1",
        lambda real, host: done(
            host,
            "cd /etc/ssh && mkdir old && mv ssh_host_*key* old/ && ssh-keygen -q -A && systemctl restart ssh",
            "cd /etc/ssh && rm ssh_host_*key* && mv old/* . && rmdir old && systemctl restart ssh",
        ),
        "the host key is not known",
    ),
    "a system that we do not know": (
        "w1",
        lambda real, host: written(host, "/usr/lib/os-release", 'ID="opensuse-leap"\nPRETTY_NAME="openSUSE Leap"\n'),
        "runs openSUSE Leap: only systems with apt (Debian, Ubuntu) or dnf (Red Hat and its kin) are supported",
    ),
    "two repository files, apt": (
        "w1",
        lambda real, host: written(host, "/etc/apt/sources.list.d/other.list", host.read(LIST)),
        "more than one file offers Kubernetes packages",
    ),
    "two repository files, dnf": (
        "w2",
        lambda real, host: written(host, "/etc/yum.repos.d/other.repo", host.read(REPO)),
        "more than one file offers Kubernetes packages",
    ),
    "another repository in the same file, apt": (
        "w1",
        lambda real, host: also(host, LIST, "deb http://mirror.example.org/debian bookworm main\n"),
        "which would be lost: move it to a file of its own",
    ),
    "another repository in the same file, dnf": (
        "w2",
        lambda real, host: also(host, REPO, "[epel]\nbaseurl=http://mirror.example.org/epel/\n"),
        "also holds the repository epel, which would be lost: move it to a file of its own",
    ),
    "repository answers 503, apt": (
        "w1",
        lambda real, host: broken(real, "fail", 29, HTTPStatus.SERVICE_UNAVAILABLE),
        "does not offer kubeadm 1.29.15-2.1",
    ),
    "repository answers 503, dnf": (
        "w2",
        lambda real, host: broken(real, "fail", 29, HTTPStatus.SERVICE_UNAVAILABLE),
        "does not offer kubeadm 1.29.15-150500.2.1",
    ),
    "repository refuses connections": (
        "w1",
        lambda real, host: broken(real, "refuse_connections"),
        "Failed to connect",
    ),
    "version missing since the plan": (
        "w1",
        lambda real, host: broken(real, "withhold", 29, "1.29.15-2.1"),
        "does not offer kubeadm 1.29.15-2.1, kubelet 1.29.15-2.1, kubectl 1.29.15-2.1 to this host",
    ),
    "half installed package": (
        "w1",
        lambda real, host: done(
            host,
            "cd /tmp && apt-get download -q kubectl=1.28.15-1.1 && dpkg --unpack kubectl_*.deb",
            "dpkg --configure kubectl && apt-mark hold kubectl && rm /tmp/kubectl_*.deb",
        ),
        "kubectl: half installed, and nothing is at work on it: run dpkg --configure -a",
    ),
    "a flag that the next release no longer knows": (
        "w1",
        lambda real, host: written(
            host,
            "/var/lib/kubelet/config.yaml",
            "featureGates: {CSIMigrationvSphere: true}\n",
        ),
        "is started with the feature gate CSIMigrationvSphere, which 1.29 no longer knows: remove it first",
    ),
}


@pytest.fixture(scope="module")
def hop(shared):
    """Planned while everything was well."""
    return asyncio.run(shared.walker.plan())


def said_by_preflight(shared: RealCluster, hop) -> list[str]:
    return [str(finding) for finding in asyncio.run(shared.walker.preflight(hop))]


def test_nothing_is_found_on_hosts_that_are_well(shared, hop):
    """What the other tests find is theirs."""
    assert [line for line in said_by_preflight(shared, hop) if "has had no fixes" not in line] == []


@pytest.mark.parametrize("name", FINDINGS)
def test_preflight_says_what_is_wrong(shared, hop, name):
    """On which host, and what to do; nothing has been touched."""
    node, situation, words = FINDINGS[name]
    host = shared.hosts[f"real-{node}"]
    with situation(shared, host):
        said = said_by_preflight(shared, hop)
    assert any(words in line and host.name in line for line in said), said


# What becomes of the package repository: sentences of the step, or a repair.
SWITCHES: dict[str, tuple[str, tuple[Situation, ...], str | None]] = {
    "a key that has expired": ("w1", (lambda real, host: broken(real, "expire_key", 29),), "EXPKEYSIG"),
    "a key that was rotated": ("w1", (lambda real, host: broken(real, "rotate_key", 29),), None),
    "an unsigned repository": ("w1", (lambda real, host: broken(real, "unsign", 29),), "signed"),
    "the repository that was shut down": (
        "w1",
        (lambda real, host: written(host, LIST, "deb https://apt.kubernetes.io/ kubernetes-xenial main\n"),),
        None,
    ),
    "a slow repository": ("w1", (lambda real, host: broken(real, "slow_down", 29, 1.0),), None),
    "dnf's own names": (
        "w2",
        (lambda real, host: written(host, REPO, host.read(REPO).replace("[kubernetes]", "[k8s]")),),
        None,
    ),
}


@pytest.mark.parametrize("name", SWITCHES)
def test_the_repository_is_switched_or_the_reason_is_given(shared, hop, name):
    """The host is as before afterwards."""
    node, situations, words = SWITCHES[name]
    host = shared.hosts[f"real-{node}"]
    path = LIST if node == "w1" else REPO
    with ExitStack() as stack:
        stack.enter_context(written(host, path, host.read(path)))
        for situation in situations:
            stack.enter_context(situation(shared, host))
        try:
            outcome = asyncio.run(shared.walker.step(hop, "stage", host.name, "switch_package_repository"))
            said = str(outcome["status"])
        except UpgradeError as error:
            said = str(error)
        text = host.read(path)
    assert (words or "changed") in said
    assert words or "/v1.29/" in text
