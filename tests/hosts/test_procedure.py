"""The whole procedure on real sshd, apt, dnf, systemd and sudo. What it left is read by means that are not ours."""

from __future__ import annotations

import asyncio

PACKAGES = ("kubeadm", "kubelet", "kubectl")
LOCK = (
    "import fcntl, time; lock = open('/var/lib/dpkg/lock-frontend', 'w'); fcntl.lockf(lock, fcntl.LOCK_EX); "
    "time.sleep(15)"
)


def upgrade(real) -> None:
    async def run():
        hop = await real.walker.plan()
        blocking = [str(finding) for finding in await real.walker.preflight(hop) if finding.severity == "block"]
        assert blocking == []
        await real.walker.upgrade(hop)
        assert await real.walker.shortcomings(hop) == []

    asyncio.run(run())


def test_a_control_plane_node_and_two_workers_with_apt(cluster):
    """Versions, holds, repository and unit of each, and nothing broken on the way."""
    real = cluster(workers=2)
    upgrade(real)
    for host in real.hosts.values():
        installed = host.execute("dpkg-query", "-W", "-f", r"${Package} ${Version} ${db:Status-Abbrev}\n", *PACKAGES)
        assert sorted(installed.split("\n"))[1:] == [f"{name} 1.29.15-2.1 hi " for name in sorted(PACKAGES)]
        assert set(host.execute("apt-mark", "showhold").split()) == {*PACKAGES, "kubernetes-cni", "cri-tools"}
        assert "/v1.29/deb/ /" in host.read("/etc/apt/sources.list.d/kubernetes.list")
        assert host.execute("systemctl", "is-active", "kubelet").strip() == "active"
    assert real.lab.clusters["real"].violations == []


def test_a_worker_with_dnf_beside_one_with_apt(cluster):
    """Each by its own package manager, to the same version."""
    real = cluster(workers=1, dnf_workers=1)
    upgrade(real)
    host = real.hosts["real-w2"]
    installed = host.execute("rpm", "-q", *PACKAGES).split()
    assert [name.rsplit(".", 1)[0] for name in installed] == [f"{name}-1.29.15-150500.2.1" for name in PACKAGES]
    repository = host.read("/etc/yum.repos.d/kubernetes.repo")
    assert "/v1.29/rpm/" in repository
    assert "exclude=kubeadm kubelet kubectl cri-tools kubernetes-cni" in repository
    assert host.execute("systemctl", "is-active", "kubelet").strip() == "active"
    assert real.lab.clusters["real"].violations == []


def test_what_administrators_have_set_up_is_kept(cluster):
    """Held dependencies, an edited configuration file, a lock that somebody holds for a while, versionlock."""
    real = cluster(workers=1, dnf_workers=1)
    apt, dnf = real.hosts["real-w1"], real.hosts["real-w2"]
    apt.execute("apt-mark", "hold", "kubernetes-cni", "cri-tools")
    apt.write("/etc/default/kubelet", "KUBELET_EXTRA_ARGS=--v=3\n")
    apt.execute("systemd-run", "--unit=unattended-upgrades-stand-in", "python3", "-c", LOCK)
    before = dnf.read("/etc/yum.repos.d/kubernetes.repo")
    dnf.write("/etc/yum.repos.d/kubernetes.repo", before.replace("exclude=", "#exclude="))
    dnf.execute("dnf", "-q", "versionlock", "add", *PACKAGES)
    upgrade(real)
    assert set(apt.execute("apt-mark", "showhold").split()) == {*PACKAGES, "kubernetes-cni", "cri-tools"}
    assert apt.read("/etc/default/kubelet") == "KUBELET_EXTRA_ARGS=--v=3\n"
    assert apt.execute("dpkg-query", "-W", "-f", "${Version}", "kubelet") == "1.29.15-2.1"
    locked = [line for line in dnf.read("/etc/dnf/plugins/versionlock.list").splitlines() if line.startswith("kube")]
    assert sorted(line.split("-")[0] for line in locked) == sorted(PACKAGES)
