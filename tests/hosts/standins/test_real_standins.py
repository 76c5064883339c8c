"""Do the stand-ins do on a real host what the lab says they did, and does the lab see what happens to them there?"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from hosts.docker import DockerError
from hosts.host_container import HostContainer
from hosts.standins.furnish import furnish
from hosts.standins.hosts_lab import HostsLab
from lab import ClusterSpec, LabCluster, Latency

KUBELET_EXE = "readlink /proc/$(systemctl show kubelet -p MainPID --value)/exe"


@dataclass
class Scene:
    host: HostContainer
    lab: LabCluster

    @property
    def node(self):
        return self.lab.node_state("one-cp1")

    def shell(self, line: str) -> str:
        return self.host.execute("sh", "-c", line)

    def until(self, condition: Callable[[], bool], seconds: float = 20.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, self.node
            time.sleep(0.05)


@pytest.fixture
def scene(machines, tmp_path: Path):
    booted = machines.boot("one-cp1")
    spec = ClusterSpec("one", workers=0)
    keys = {"ssh_key": machines.key, "known_hosts": tmp_path / "known_hosts"}
    where = {"bridge_address": machines.gateway, "latency": Latency(image_pull=0.5)}
    with HostsLab(tmp_path / "lab", [spec], booted, **where, **keys) as lab:
        furnish(booted["one-cp1"], lab, "one-cp1", machines.pkgs)
        yield Scene(booted["one-cp1"], lab.clusters["one"])


def test_a_furnished_host_is_a_node_of_kubeadm(scene):
    """And its lab has not seen a thing go wrong."""
    assert scene.shell("systemctl is-enabled kubelet; systemctl is-active kubelet") == "enabled\nactive\n"
    assert scene.shell("apt-mark showhold").split() == ["kubeadm", "kubectl", "kubelet"]
    assert 'Successfully registered node" node="one-cp1"' in scene.shell("journalctl -u kubelet --no-pager")
    assert "kube-apiserver:v1.28.15" in scene.host.read("/etc/kubernetes/manifests/kube-apiserver.yaml")
    assert scene.node.ready
    assert all(sample.ready for sample in scene.lab.timeline)
    assert scene.lab.violations == []


def test_the_kernel_tells_that_the_kubelets_binary_was_replaced(scene):
    assert scene.shell(KUBELET_EXE) == "/usr/bin/kubelet\n"
    scene.shell("apt-get install -y -q --reinstall --allow-change-held-packages kubelet")
    assert scene.shell(KUBELET_EXE) == "/usr/bin/kubelet (deleted)\n"
    scene.shell("systemctl restart kubelet")
    assert scene.shell(KUBELET_EXE) == "/usr/bin/kubelet\n"


def test_the_node_follows_its_kubelet(scene):
    simulated = scene.lab.simulated.kubelets["one-cp1"]
    scene.shell("systemctl stop kubelet")
    scene.until(lambda: not simulated.active)
    scene.shell("systemctl start kubelet")
    scene.until(lambda: simulated.active and scene.node.ready)
    scene.shell("kill -9 $(systemctl show kubelet -p MainPID --value)")
    scene.until(lambda: not simulated.active)
    assert scene.shell(r"pgrep -f '[k]ubelet\.pyz' || true") == ""


def test_a_kubelet_with_a_flag_that_is_gone_does_not_come_up(scene):
    scene.host.write("/etc/default/kubelet", "KUBELET_EXTRA_ARGS=--container-runtime=remote\n")
    scene.shell("systemctl restart kubelet")
    scene.until(lambda: "unknown flag: --container-runtime" in scene.shell("journalctl -u kubelet --no-pager"))
    scene.until(lambda: not scene.lab.simulated.kubelets["one-cp1"].active)


def test_apply_writes_on_the_host_what_kubeadm_would(scene):
    """Manifests, what it keeps of the old ones, and the kubelet's configuration."""
    scene.host.execute("rm", "/var/lib/kubelet/config.yaml")
    printed = scene.shell("kubeadm upgrade apply v1.28.15 --yes")
    assert '[upgrade/successful] SUCCESS! Your cluster was upgraded to "v1.28.15"' in printed
    assert "kind: KubeletConfiguration" in scene.host.read("/var/lib/kubelet/config.yaml")


def test_a_snapshot_is_a_file_of_the_host(scene):
    etcdctl = "kubectl --kubeconfig /etc/kubernetes/admin.conf -n kube-system exec etcd-one-cp1 -- etcdctl"
    assert scene.shell(f"{etcdctl} snapshot save /var/lib/etcd/s.db") == "Snapshot saved at /var/lib/etcd/s.db\n"
    assert scene.shell("stat -c '%s %a' /var/lib/etcd/s.db") == "1626144 600\n"


def test_kubectl_needs_the_kubeconfig_of_this_host(scene):
    scene.host.execute("rm", "/etc/kubernetes/admin.conf")
    with pytest.raises(DockerError, match="no such file or directory"):
        scene.shell(
            "kubectl --kubeconfig /etc/kubernetes/admin.conf -n kube-system exec etcd-one-cp1 -- etcdctl version"
        )


def test_a_command_that_hangs_can_be_ended_by_its_unit(scene):
    """The lab records it as hung up, and nothing goes on behind the scenes."""
    scene.lab.faults.slow("one-cp1", "kubeadm upgrade apply", 600)
    scene.shell("systemd-run --unit=try -p RemainAfterExit=yes -- kubeadm upgrade apply v1.28.15 --yes")
    scene.until(lambda: bool(scene.lab.log))
    assert (scene.lab.log[-1].unit, scene.lab.log[-1].exit_code) == ("try", None)
    scene.shell("systemctl stop try")
    scene.until(lambda: scene.lab.log[-1].exit_code == 129)


def test_a_command_that_fails_is_a_unit_that_failed(scene):
    scene.lab.faults.fail("one-cp1", "kubeadm upgrade apply", 1, "[upgrade/apply] FATAL: no")
    scene.shell("systemd-run --wait --unit=try -- kubeadm upgrade apply v1.28.15 --yes || true")
    assert "[upgrade/apply] FATAL: no" in scene.shell("journalctl -u try -o cat --no-pager")
    assert scene.shell("systemctl show try -p Result --value") == "exit-code\n"
