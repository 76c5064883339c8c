"""The whole procedure on real sshd, apt, dnf, systemd and sudo. What it left is read by means that are not ours."""

from __future__ import annotations

import asyncio

PACKAGES = ("kubeadm", "kubelet", "kubectl")


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
        assert set(host.execute("apt-mark", "showhold").split()) == set(PACKAGES)
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
