"""The generated sudoers files in a real sudo: they allow nothing else."""

from __future__ import annotations

import shlex

import pytest

from hosts import allow_list
from hosts.docker import DockerError
from hosts.host_container import HostContainer
from hosts.images import USER
from kubeadm_upgrade.rights import sudoers

NOT_ON_THE_LIST = (
    "cat /etc/shadow",
    "apt-get install -y evil",
    "systemd-run --unit=x -- sh -c id",
    "true x",
    "kubeadm reset -f",
    "systemctl restart ssh",
    "systemctl stop kubeadm-upgrade-v1.29.15 ssh",
    "readlink /proc/1/../../etc/shadow/exe",
    "apt-mark hold kubelet --config-file=/tmp/x",
    "dnf -q versionlock add kubelet --installroot=/tmp/x",
    "dd of=/etc/apt/sources.list.d/../../sudoers.d/x.list.new status=none conv=fsync",
    "dd of=/etc/apt/sources.list.d/a of=/etc/sudoers.d/x.list.new status=none conv=fsync",
    "dd of=/etc/yum.repos.d/a of=/etc/sudoers.d/x.repo.new status=none conv=fsync",
    "mv -f /etc/apt/sources.list.d/a.list.new /etc/sudoers.d/a.list",
    "kubectl --kubeconfig /etc/kubernetes/admin.conf -n kube-system exec etcd-a -- sh -c id",
)


def as_user(host: HostContainer, line: str) -> str:
    """What sudo says when our user tries; the words of its refusal."""
    argv = ("runuser", "-u", USER, "--", "sudo", "-n", *shlex.split(line))
    with pytest.raises(DockerError) as refusal:
        host.execute(*argv)
    return str(refusal.value)


@pytest.mark.parametrize(
    ("name", "wildcards"),
    [
        pytest.param("real-w1", False, id="regular expressions"),
        pytest.param("real-w1", True, id="wildcards"),
        pytest.param("real-w2", True, id="wildcards, dnf"),
    ],
)
def test_nothing_else_is_allowed(shared, name, wildcards):
    """And sudo writes down who tried. test_airflow.py upgrades hosts on which nothing else is."""
    host = shared.hosts[name]
    before = len(allow_list.refusals(host))
    lines = [line for line in NOT_ON_THE_LIST if name == "real-w2" or not line.startswith("dnf")]
    with allow_list.installed(host, sudoers.text(USER, wildcards=wildcards)):
        for line in lines:
            assert "user upgrader is not allowed to execute" in as_user(host, line)
    assert len(allow_list.refusals(host)) - before == len(lines)


def test_both_forms_are_read_by_a_real_sudo(shared):
    """Without a complaint, also for another user."""
    for wildcards in (False, True):
        for user in (USER, "ops"):
            for host in shared.hosts.values():
                host.write("/root/list", sudoers.text(user, wildcards=wildcards), "0440")
                assert "parsed OK" in host.execute("visudo", "-c", "-s", "-f", "/root/list")
                host.execute("rm", "/root/list")
