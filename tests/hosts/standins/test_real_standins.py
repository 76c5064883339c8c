"""Do the stand-ins do on a real host what the lab says they did, and does the lab see what happens to them there?"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest

from hosts.conftest import machines_of
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

    def well(self) -> bool:
        """After a restart a Node is still shown as it was before, so both sides are asked."""
        return self.lab.simulated.kubelets["one-cp1"].healthy and self.node.ready

    def until(self, condition: Callable[[], bool], seconds: float = 20.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, self.node
            time.sleep(0.05)


@pytest.fixture(scope="module")
def scene(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """One host for all; whoever breaks something mends it."""
    directory = tmp_path_factory.mktemp("standins")
    with machines_of(directory) as machines:
        booted = machines.boot("one-cp1")
        spec = ClusterSpec("one", workers=0)
        keys = {"ssh_key": machines.key, "known_hosts": directory / "known_hosts"}
        where = {"bridge_address": machines.gateway, "latency": Latency(image_pull=0.5)}
        with HostsLab(directory / "lab", [spec], booted, **where, **keys) as lab:
            furnish(booted["one-cp1"], lab, "one-cp1", machines.pkgs)
            yield Scene(booted["one-cp1"], lab.clusters["one"])


@pytest.fixture
def unit(scene: Scene) -> Iterator[str]:
    """A name that systemd knows nothing of, before and afterwards."""
    yield "try"
    scene.shell("systemctl stop try 2>/dev/null; systemctl reset-failed try 2>/dev/null; true")


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
    scene.until(scene.well)
    scene.shell("kill -9 $(systemctl show kubelet -p MainPID --value)")
    scene.until(lambda: not simulated.active)
    assert scene.shell(r"pgrep -f '[k]ubelet\.pyz' || true") == ""
    scene.shell("systemctl restart kubelet")
    scene.until(scene.well)


def test_a_kubelet_with_a_flag_that_is_gone_does_not_come_up(scene):
    scene.host.write("/etc/default/kubelet", "KUBELET_EXTRA_ARGS=--container-runtime=remote\n")
    scene.shell("systemctl restart kubelet")
    scene.until(lambda: "unknown flag: --container-runtime" in scene.shell("journalctl -u kubelet --no-pager"))
    scene.until(lambda: not scene.lab.simulated.kubelets["one-cp1"].active)
    scene.host.write("/etc/default/kubelet", "KUBELET_EXTRA_ARGS=\n")
    scene.shell("systemctl restart kubelet")
    scene.until(scene.well)


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
    scene.host.execute("mv", "/etc/kubernetes/admin.conf", "/root/")
    with pytest.raises(DockerError, match="no such file or directory"):
        scene.shell(
            "kubectl --kubeconfig /etc/kubernetes/admin.conf -n kube-system exec etcd-one-cp1 -- etcdctl version"
        )
    scene.host.execute("mv", "/root/admin.conf", "/etc/kubernetes/")


def test_a_command_that_hangs_can_be_ended_by_its_unit(scene, unit):
    """The lab records it as hung up, and nothing goes on behind the scenes."""
    with scene.lab.faults.slow("one-cp1", "kubeadm upgrade apply", 600):
        scene.shell(f"systemd-run --unit={unit} -p RemainAfterExit=yes -- kubeadm upgrade apply v1.28.15 --yes")
        scene.until(lambda: scene.lab.log[-1].unit == unit)
        assert scene.lab.log[-1].exit_code is None
        scene.shell(f"systemctl stop {unit}")
        scene.until(lambda: scene.lab.log[-1].exit_code == 129)


def test_a_command_that_fails_is_a_unit_that_failed(scene, unit):
    with scene.lab.faults.fail("one-cp1", "kubeadm upgrade apply", 1, "[upgrade/apply] FATAL: no"):
        scene.shell(f"systemd-run --wait --unit={unit} -- kubeadm upgrade apply v1.28.15 --yes || true")
    assert "[upgrade/apply] FATAL: no" in scene.shell(f"journalctl -u {unit} -o cat --no-pager")
    assert scene.shell(f"systemctl show {unit} -p Result --value") == "exit-code\n"
