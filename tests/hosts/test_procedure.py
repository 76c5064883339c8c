"""The procedure on hosts that administrators have had their hands in; test_airflow.py has the plain one."""

from __future__ import annotations

import asyncio

import pytest

from kubeadm_upgrade.errors import CommandFailed, StepRefused
from kubeadm_upgrade.hop import Hop

DEFAULTS, SYSCONFIG = "/etc/default/kubelet", "/etc/sysconfig/kubelet"
PACKAGES = ("kubeadm", "kubelet", "kubectl")
LOCK = (
    "import fcntl, time; lock = open('/var/lib/dpkg/lock-frontend', 'w'); fcntl.lockf(lock, fcntl.LOCK_EX); "
    "time.sleep(8)"
)


def upgrade(real) -> Hop:
    async def run():
        hop = await real.walker.plan()
        blocking = [str(finding) for finding in await real.walker.preflight(hop) if finding.severity == "block"]
        assert blocking == []
        await real.walker.upgrade(hop)
        assert await real.walker.shortcomings(hop) == []
        return hop

    return asyncio.run(run())


def test_what_administrators_have_set_up_is_kept(cluster):
    """Held dependencies, edited configuration files, a lock that somebody holds for a while, excludes and versionlock.

    What the packages would have changed in the files is told.
    """
    real = cluster(workers=1, dnf_workers=1)
    apt, dnf = real.hosts["real-w1"], real.hosts["real-w2"]
    apt.execute("apt-mark", "hold", "kubernetes-cni", "cri-tools")
    for host, path in ((apt, DEFAULTS), (dnf, SYSCONFIG)):
        host.write(path, "KUBELET_EXTRA_ARGS=--v=3\n")
    apt.execute("systemd-run", "--unit=unattended-upgrades-stand-in", "python3", "-c", LOCK)
    dnf.execute("dnf", "-q", "versionlock", "--disableexcludes=all", "add", *PACKAGES)
    hop = upgrade(real)
    assert set(apt.execute("apt-mark", "showhold").split()) == {*PACKAGES, "kubernetes-cni", "cri-tools"}
    assert apt.execute("dpkg-query", "-W", "-f", "${Version}", "kubelet") == "1.29.15-2.1"
    locked = [line for line in dnf.read("/etc/dnf/plugins/versionlock.list").splitlines() if line.startswith("kube")]
    assert sorted(locked) == [f"{name}-0:1.29.15-150500.2.1.*" for name in sorted(PACKAGES)]
    for host, path, own in ((apt, DEFAULTS, ".dpkg-dist"), (dnf, SYSCONFIG, ".rpmnew")):
        assert host.read(path) == "KUBELET_EXTRA_ARGS=--v=3\n"
        again = asyncio.run(real.walker.step(hop, "workers", host.name, "upgrade_kubelet_and_kubectl"))
        assert again["details"] == [
            f"{path} stays as it was edited; the package's own is {path}{own}:",
            "  -KUBELET_EXTRA_ARGS=--v=3",
            "  +# Flags of your own",
            "  +KUBELET_EXTRA_ARGS=",
        ]


def test_an_install_that_fails_half_way_leaves_no_package_free(cluster):
    """dpkg fails after it has unpacked, which costs kubeadm its hold; once a person has mended it, the task goes on."""
    real = cluster(workers=1)
    host, hook = real.hosts["real-w1"], "/etc/dpkg/dpkg.cfg.d/fails"

    async def stage():
        hop = await real.walker.plan()
        await real.walker.walk(hop, "stage", host.name)
        return hop

    hop = asyncio.run(stage())
    host.write(hook, "post-invoke=/bin/false\n")
    with pytest.raises(CommandFailed, match="error executing hook '/bin/false'"):
        asyncio.run(real.walker.step(hop, "workers", host.name, "upgrade_kubeadm"))
    assert host.execute("dpkg-query", "-W", "-f", "${db:Status-Abbrev}", "kubeadm").strip() == "hU"
    assert set(host.execute("apt-mark", "showhold").split()) >= set(PACKAGES)
    with pytest.raises(StepRefused, match="kubeadm: half installed, and nothing is at work on it"):
        asyncio.run(real.walker.step(hop, "workers", host.name, "upgrade_kubeadm"))
    host.execute("rm", hook)
    host.execute("dpkg", "--configure", "-a")
    assert asyncio.run(real.walker.step(hop, "workers", host.name, "upgrade_kubeadm"))["status"] == "unchanged"
