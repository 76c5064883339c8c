"""What is found on hosts, and what a person is told of it: each situation is made, looked at, and unmade."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from http import HTTPStatus

import pytest

from hosts.conftest import RealCluster
from hosts.host_container import HostContainer
from hosts.packages import building
from hosts.packages.model import Format, Package
from hosts.standins.furnish import put
from kubeadm_upgrade.errors import UpgradeError
from kubeadm_upgrade.hop import Repository

LIST = "/etc/apt/sources.list.d/kubernetes.list"
REPO = "/etc/yum.repos.d/kubernetes.repo"
CRI_O = "https://pkgs.k8s.io/addons:/cri-o:/stable:/v1.28/deb/"
Situation = Callable[[RealCluster, HostContainer], contextlib.AbstractContextManager[object]]


NOTHING, TRUE = "upgrader ALL=(root) NOPASSWD: !ALL\n", '/usr/bin/true ""'
FAST_DATE = '#!/bin/sh\nexec /usr/bin/date --date="+300 seconds" "$@"\n'
SWAPS = r"Filename\tType\tSize\tUsed\tPriority\n/swapfile file\t1024\t0\t-2\n"


@contextmanager
def written(host: HostContainer, path: str, text: str, mode: str = "0644") -> Iterator[None]:
    """A file with this text, for a while."""
    before = host.execute("sh", "-c", 'cat "$0" 2>/dev/null || true', path)
    host.write(path, text, mode)
    try:
        yield
    finally:
        if before:
            host.write(path, before, mode)
        else:
            host.execute("rm", "-f", path)


@contextmanager
def installed(host: HostContainer, package: Package) -> Iterator[None]:
    """A package that is there for a while, whatever it breaks."""
    path = f"/root/{package.file_name}"
    put(host, {path: (building.build([package])[package].read_bytes(), 0o644)})
    deb = package.format is Format.DEB
    host.execute(*(("dpkg", "--force-all", "--install") if deb else ("rpm", "--install", "--nodeps")), path)
    try:
        yield
    finally:
        host.execute(*(("dpkg", "--force-all", "--purge") if deb else ("rpm", "--erase")), package.name)


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
        "sudo asks for a password: allow what we run with NOPASSWD, see docs/hosts.md",
    ),
    "an allow-list of an older release": (
        "w1",
        lambda real, host: written(host, "/etc/sudoers.d/upgrader", f"{NOTHING}{NOTHING.replace('!ALL', TRUE)}"),
        "sudo does not allow sudo -n readlink /proc/",
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
        "runs openSUSE Leap: only systems with apt (Debian, Ubuntu) or dnf 4 (Red Hat 8 and later, and its kin)",
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
    "CRI-O in the same file": (
        "w1",
        lambda real, host: also(host, LIST, f"deb {CRI_O} /\n"),
        "addons:/cri-o:/stable:/v1.28/deb/ /', which would be lost: move it to a file of its own",
    ),
    "excluded in dnf.conf": (
        "w2",
        lambda real, host: also(host, "/etc/dnf/dnf.conf", "exclude=kube*\n"),
        "[main] of /etc/dnf/dnf.conf excludes kubeadm, kubectl, kubelet, so dnf would install none of them",
    ),
    "another repository in the same file, dnf": (
        "w2",
        lambda real, host: also(host, REPO, "[epel]\nbaseurl=http://mirror.example.org/epel/\n"),
        "also holds [epel], which would be lost: move it to a file of its own",
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
        "Could not connect to",
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
    "a clock that is five minutes ahead": (
        "w1",
        lambda real, host: written(host, "/usr/local/bin/date", FAST_DATE, "0755"),
        "its clock is 300 s ahead of the others'",
    ),
    "no room for images": (
        "w1",
        lambda real, host: done(
            host, "mount -t tmpfs -o size=100m tmpfs /var/lib/kubelet", "umount -l /var/lib/kubelet"
        ),
        "/var/lib/kubelet has 100 MiB free, and 1024 MiB are needed: make room",
    ),
    "a file system that was remounted read-only": (
        "w2",
        lambda real, host: done(host, "mount --bind /usr /usr && mount -o remount,bind,ro /usr", "umount -l /usr"),
        "/usr is mounted read-only: see dmesg, and remount it",
    ),
    "a host that was renamed": (
        "w1",
        lambda real, host: done(host, "hostname golden-image", f"hostname {host.name}"),
        "its host is named golden-image now, and its kubelet would come back under that name",
    ),
    "another machine behind the node's address": (
        "w1",
        lambda real, host: written(host, "/etc/machine-id", "0123456789abcdef0123456789abcdef\n", "0444"),
        "the host that answers is another machine (machine-id 0123456789abcdef0123456789abcdef",
    ),
    "swap was turned on": (
        "w1",
        lambda real, host: done(
            host,
            f"printf '{SWAPS}' > /tmp/swaps && mount --bind /tmp/swaps /proc/swaps",
            "umount /proc/swaps",
        ),
        "swap is on (/swapfile), and its kubelet does not start with it: run swapoff -a",
    ),
    "a reboot is pending, apt": (
        "w1",
        lambda real, host: written(host, "/run/reboot-required", "*** System restart required ***\n"),
        "its operating system waits for a reboot",
    ),
    "a reboot is pending, dnf": (
        "w2",
        lambda real, host: installed(host, Package(Format.RPM, "linux-firmware", "2", "1", "newer than the last boot")),
        "its operating system waits for a reboot",
    ),
    "a flag that the next release no longer knows": (
        "w1",
        lambda real, host: written(
            host,
            "/var/lib/kubelet/kubeadm-flags.env",
            'KUBELET_KUBEADM_ARGS="--feature-gates=CSIMigrationvSphere=true"\n',
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
    "a key that has expired, and a newer release publishes it as it is now": (
        "w1",
        (lambda real, host: broken(real, "expire_key", 29),),
        None,
    ),
    "a key that has expired everywhere": (
        "w1",
        tuple(lambda real, host, minor=minor: broken(real, "expire_key", minor) for minor in (28, 29, 30, 31)),
        "EXPKEYSIG",
    ),
    "a key that was rotated": (
        "w1",
        tuple(lambda real, host, minor=minor: broken(real, "rotate_key", minor) for minor in (28, 29, 30, 31)),
        None,
    ),
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


PROXIES = {
    "w1": ("/etc/apt/apt.conf.d/80proxy", 'Acquire::http::Proxy "{proxy}";\n'),
    "w2": ("/etc/dnf/dnf.conf", "proxy={proxy}\n"),
}


@pytest.mark.parametrize("node", PROXIES)
def test_a_repository_that_only_the_proxy_reaches(shared, hop, node):
    """The package manager's own proxy is used for all that is fetched: index, signing key, packages."""
    host, (path, line) = shared.hosts[f"real-{node}"], PROXIES[node]
    source = hop.sources["deb" if node == "w1" else "rpm"]
    inside = source.repository.url.replace(shared.pkgs.server.url, "http://pkgs.internal.example")
    key = source.repository.key_url.replace(shared.pkgs.server.url, "http://pkgs.internal.example")
    sources = {**hop.sources, "deb" if node == "w1" else "rpm": replace(source, repository=Repository(inside, key))}
    hidden = replace(hop, sources=sources)
    before = host.execute("sh", "-c", 'cat "$0" 2>/dev/null || true', path)
    config = LIST if node == "w1" else REPO
    with written(host, config, host.read(config)):
        assert any("does not offer" in line for line in said_by_preflight(shared, hidden))
        with written(host, path, before + line.format(proxy=shared.pkgs.server.url)):
            assert [said for said in said_by_preflight(shared, hidden) if host.name in said] == []
            outcome = asyncio.run(shared.walker.step(hidden, "stage", host.name, "switch_package_repository"))
        assert (outcome["status"], "pkgs.internal.example" in host.read(config)) == ("changed", True)


CLEAN = {"w1": ("apt-get", "clean"), "w2": ("dnf", "-q", "clean", "packages")}
LOCKS = {
    "w1": "import fcntl; lock = open('/var/lib/dpkg/lock-frontend', 'w'); fcntl.lockf(lock, fcntl.LOCK_EX)",
    "w2": "import os; open('/var/cache/dnf/download_lock.pid', 'w').write(str(os.getpid()))",
}
OLD_CNI = Package(Format.DEB, "kubernetes-cni", "0.8.7", "00", "as apt.kubernetes.io had it")
PIN = "Package: kubernetes-cni\nPin: version 0.8.7*\nPin-Priority: 1001\n"
RIVAL = Package(Format.DEB, "site-kubelet", "1.0", "1", "somebody else's", conflicts=("kubelet (>= 1.29)",))


@contextmanager
def old_cni(real: RealCluster, host: HostContainer) -> Iterator[None]:
    """What the repositories before pkgs.k8s.io had, pinned; afterwards the right one is there again."""
    with written(host, "/etc/apt/preferences.d/kubernetes-cni", PIN):
        path = "/root/old-cni.deb"
        put(host, {path: (building.build([OLD_CNI])[OLD_CNI].read_bytes(), 0o644)})
        host.execute("dpkg", "--force-all", "--install", path)
        yield
    host.execute(*("apt-get", "install", "-q", "-y", "--allow-change-held-packages", "kubernetes-cni"))


@contextmanager
def locked(host: HostContainer, how: str) -> Iterator[None]:
    """For some seconds, by a process that a person would like to know of."""
    host.execute("systemd-run", "-q", "--unit=nightly", "python3", "-c", f"{how}; import time; time.sleep(4)")
    try:
        yield
    finally:
        host.execute("sh", "-c", "systemctl stop nightly 2>/dev/null; systemctl reset-failed nightly 2>/dev/null; true")


# What becomes of the packages before anything is drained: a sentence, or what is said while it takes its time.
STAGES: dict[str, tuple[str, Situation, str, bool]] = {
    "kubernetes-cni pinned to an old one": ("w1", old_cni, "Depends: kubernetes-cni", False),
    "a package that conflicts with the new kubelet": (
        "w1",
        lambda real, host: installed(host, RIVAL),
        "Packages need to be removed but remove is disabled",
        False,
    ),
    "the cache is full": (
        "w1",
        lambda real, host: done(
            host, "mount -t tmpfs -o size=8k tmpfs /var/cache/apt/archives", "umount -l /var/cache/apt/archives"
        ),
        "You don't have enough free space in /var/cache/apt/archives/",
        False,
    ),
    "excluded in dnf.conf": (
        "w2",
        lambda real, host: also(host, "/etc/dnf/dnf.conf", "exclude=kubelet\n"),
        "[main] of /etc/dnf/dnf.conf excludes kubelet, so dnf would install none of them",
        False,
    ),
    "apt's lock is held": ("w1", lambda real, host: locked(host, LOCKS["w1"]), "(python3)", True),
    "dnf's lock is held": ("w2", lambda real, host: locked(host, LOCKS["w2"]), "(/usr/bin/python3 -c import os", True),
}


@pytest.mark.parametrize("name", STAGES)
def test_packages_are_staged_or_the_reason_is_given(shared, hop, name, monkeypatch, caplog, capsys):
    """The host is as before afterwards, but for a cache that fills."""
    # a lock is not what is waited for at first
    monkeypatch.setattr("kubeadm_airflow.trigger_events.SAY_AGAIN_SECONDS", 0)
    node, situation, words, succeeds = STAGES[name]
    host = shared.hosts[f"real-{node}"]
    path = LIST if node == "w1" else REPO
    with written(host, path, host.read(path)), caplog.at_level("INFO"):
        asyncio.run(shared.walker.step(hop, "stage", host.name, "switch_package_repository"))
        host.execute(*CLEAN[node])
        with situation(shared, host):
            try:
                outcome = asyncio.run(shared.walker.step(hop, "stage", host.name, "stage_packages"))
                said = f"{outcome} {caplog.text} {capsys.readouterr().out}"  # the trigger's own log is no logging's
            except UpgradeError as error:
                outcome, said = None, str(error)
    assert (outcome is not None) is succeeds
    assert words in said
