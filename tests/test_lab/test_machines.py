"""Machines that lose their power, Nodes that go, hosts that join, bytes that are no text."""

from __future__ import annotations

import base64
import json
import subprocess
import threading
import time

import pytest

from lab import Lab, LabCluster, Latency
from lab.control_plane import COMPONENTS
from lab.pod_objects import is_ready
from lab.records import CommandRecord, HealthRecord, PowerRecord
from test_lab.conftest import HIGH, SMALL, Ssh, eventually
from test_lab.observed import answer
from test_lab.test_by_hand import ask
from test_lab.test_control_plane import pods_seen, static
from test_lab.test_hosts import show
from test_lab.test_kubeadm import install

CP = "demo-a-cp1"
NODE = "demo-a-w1"


def test_a_reboot_ends_what_runs_and_forgets_units(ssh: Ssh, small: LabCluster) -> None:
    ssh(NODE, "sudo -n systemd-run --unit=done --property=RemainAfterExit=yes --quiet -- true")
    ssh(NODE, "sudo -n systemd-run --unit=long --quiet -- sleep 30")
    session = threading.Thread(target=ssh, args=(NODE, "sleep 31"))
    session.start()
    eventually(lambda: ssh(NODE, "ps -C sleep -o args=").stdout.count("sleep") == 2)
    before = ssh(NODE, "cat /proc/sys/kernel/random/boot_id").stdout
    small.reboot(NODE)
    session.join(5)
    assert not session.is_alive()
    assert {one.exit_code for one in small.log if one.argv[0] == "sleep"} == {129}
    eventually(lambda: ssh(NODE, "true").returncode == 0)
    for unit in ("done", "long"):
        assert show(ssh, unit, "LoadState") == {"LoadState": "not-found"}
    boot_id = ssh(NODE, "cat /proc/sys/kernel/random/boot_id").stdout
    assert boot_id != before
    eventually(lambda: small.object("Node", None, NODE)["status"]["nodeInfo"]["bootID"] == boot_id.strip())


def test_a_kubelet_knows_its_machine_as_it_was_when_it_started(ssh: Ssh, small: LabCluster) -> None:
    def machine_id() -> str:
        return str(small.object("Node", None, NODE)["status"]["nodeInfo"]["machineID"])

    def heard() -> str:
        lease = small.object("Lease", "kube-node-lease", NODE)
        return lease["spec"]["renewTime"] if lease else ""

    eventually(heard)
    before = machine_id()
    small.put_file(NODE, "/etc/machine-id", "0123456789abcdef0123456789abcdef\n", 0o444)
    last = heard()
    eventually(lambda: heard() > last)
    assert machine_id() == before
    ssh(NODE, "sudo -n systemctl restart kubelet")
    eventually(lambda: machine_id() == "0123456789abcdef0123456789abcdef")


def test_the_kubelet_comes_back_with_the_binary_that_is_installed(ssh: Ssh, small: LabCluster) -> None:
    install(ssh, NODE, "1.29.15", "kubelet")
    assert small.node_state(NODE).kubelet == "v1.28.15"
    small.reboot(NODE)
    eventually(lambda: small.object("Node", None, NODE)["status"]["nodeInfo"]["kubeletVersion"] == "v1.29.15")
    eventually(lambda: small.node_state(NODE).ready)
    assert not [one for one in small.violations if "not drained" in one]


def test_static_pods_come_back_as_their_manifests_say(small: LabCluster) -> None:
    before = pods_seen(small)
    small.reboot(CP)
    assert answer(small, "/readyz") == (0, "refused")
    eventually(lambda: answer(small, "/readyz") == (200, ""))
    eventually(lambda: not small.simulated.control_plane.disturbed(CP))
    assert pods_seen(small) == before


def test_a_kubelet_that_is_restarted_in_mid_boot_goes_on_with_it(ssh: Ssh, small: LabCluster) -> None:
    small.reboot(CP)
    eventually(lambda: ssh(CP, "sudo -n systemctl restart kubelet").returncode == 0)
    eventually(small.is_settled)
    assert answer(small, "/readyz") == (200, "")


def test_a_reboot_is_nobodys_violation(high: LabCluster) -> None:
    high.reboot("demo-b-cp1")
    assert answer(high, "/readyz") == (200, "")
    eventually(high.is_settled)
    assert high.violations == []


def test_pods_that_were_given_up_are_ready_again_once_the_kubelet_is(tmp_path) -> None:  # type: ignore[no-untyped-def]
    """The Node is Unknown while the kubelet starts, and its first word is that it is not Ready itself."""
    slow = Latency(node_grace=0.4, kubelet_silent=1.2, kubelet_not_ready=0.5)
    with Lab(tmp_path, [HIGH], slow) as lab:
        cluster, node = lab.clusters["demo-b"], "demo-b-cp1"
        cluster.reboot(node)
        eventually(lambda: not cluster.node_state(node).ready)
        eventually(lambda: cluster.node_state(node).ready)
        for component in COMPONENTS:
            eventually(lambda name=f"{component}-{node}": is_ready(cluster.object("Pod", "kube-system", name)))


def test_an_apply_that_loses_its_power_never_ends(tmp_path) -> None:  # type: ignore[no-untyped-def]
    """The static Pods are at the target; kube-proxy, CoreDNS and kubeadm-config are not."""
    with Lab(tmp_path, [SMALL], Latency(kubeadm_addons=2.0)) as lab:
        cluster = lab.clusters["demo-a"]
        ssh = Ssh(lab, cluster)
        install(ssh, CP, "1.29.15")
        ssh(CP, "sudo -n systemd-run --unit=apply --quiet -- kubeadm upgrade apply v1.29.15 --yes")
        eventually(lambda: static(cluster, "kube-scheduler")[2] == "True" and at_target(cluster))
        cluster.reboot(CP)
        eventually(lambda: answer(cluster, "/readyz") == (200, ""))
        eventually(lambda: ssh(CP, "ps -C kubeadm -o args=").returncode == 1)
        assert cluster.node_state(CP).apiserver == "v1.29.15"
        configuration = cluster.object("ConfigMap", "kube-system", "kubeadm-config")["data"]["ClusterConfiguration"]
        assert "v1.28.15" in configuration
        assert show_on(ssh, CP, "apply") == "LoadState=not-found\n"
        again = ssh(CP, "sudo -n kubeadm upgrade apply v1.29.15 --yes")
        assert again.returncode == 0
        assert cluster.violations == []


def at_target(cluster: LabCluster) -> bool:
    return all(":v1.29.15" in image for name, image in images(cluster).items() if name != "etcd")


def images(cluster: LabCluster) -> dict[str, str]:
    return cluster.simulated.control_plane.images[CP]


def show_on(ssh: Ssh, node: str, unit: str) -> str:
    return ssh(node, f"systemctl show {unit} -p LoadState").stdout


def test_a_node_that_is_deleted_does_not_come_back(ssh: Ssh, small: LabCluster) -> None:
    small.delete_node(NODE)
    assert small.object("Node", None, NODE) is None
    assert not [pod for pod in small.objects("Pod") if pod["spec"].get("nodeName") == NODE]
    eventually(lambda: len(small.objects("Pod", "shop")) == 8)
    ssh(NODE, "sudo -n systemctl restart kubelet")
    time.sleep(0.5)
    assert small.object("Node", None, NODE) is None
    assert not small.node_state(NODE).ready
    assert ssh(NODE, "hostname").stdout == f"{NODE}\n"


def test_a_host_that_joins(ssh: Ssh, small: LabCluster) -> None:
    node = small.join_node("demo-a-w9", "1.28.3")
    state = small.node_state(node.name)
    assert (state.ready, state.kubelet, state.held) == (True, "v1.28.3", ("kubeadm", "kubectl", "kubelet"))
    assert ssh("demo-a-w9", "sudo -n kubeadm version -o short").stdout == "v1.28.3\n"
    eventually(lambda: any("kube-proxy" in name for name in small.node_state("demo-a-w9").pods))
    told = json.loads((ssh.lab.directory / "lab.json").read_text())["clusters"]["demo-a"]["nodes"]
    assert told["demo-a-w9"]["port"] == node.port
    assert not told["demo-a-w9"]["control_plane"]
    with pytest.raises(ValueError, match="there is a host demo-a-w9 already"):
        small.join_node("demo-a-w9", "1.28.3")


def test_a_control_plane_node_that_joins(ssh: Ssh, small: LabCluster) -> None:
    small.join_node("demo-a-cp2", "1.28.15", control_plane=True)
    assert small.node_state("demo-a-cp2").etcd == small.node_state(CP).etcd
    assert static(small, "etcd", "demo-a-cp2")[2] == "True"
    assert "node-role.kubernetes.io/control-plane" in small.object("Node", None, "demo-a-cp2")["metadata"]["labels"]
    small.faults.etcd_member_unhealthy("demo-a-cp2")
    assert answer(small, "/readyz") == (0, "refused")


def test_a_label_comes_and_goes(small: LabCluster) -> None:
    role = "node-role.kubernetes.io/control-plane"
    small.set_label(CP, role, None)
    assert role not in small.object("Node", None, CP)["metadata"]["labels"]
    small.set_label(CP, role)
    assert small.object("Node", None, CP)["metadata"]["labels"][role] == ""


LATIN = "# Schlüssel\n".encode("latin-1")
BYTES = [
    pytest.param("cat /etc/apt/sources.list.d/a.list", LATIN, id="cat"),
    pytest.param("grep -rsH Schl /etc/apt/sources.list.d", b"/etc/apt/sources.list.d/a.list:" + LATIN, id="grep"),
    pytest.param("sudo -n journalctl -u kubelet --no-pager -o cat -n 1", LATIN, id="journal"),
]


@pytest.mark.parametrize(("command", "wanted"), BYTES)
def test_bytes_that_are_no_utf8_arrive_as_they_are(ssh: Ssh, small: LabCluster, command: str, wanted: bytes) -> None:
    small.put_file(NODE, "/etc/apt/sources.list.d/a.list", LATIN)
    small.write_journal(NODE, "kubelet.service", LATIN)
    done = subprocess.run(ssh.argv(NODE, command), capture_output=True, timeout=15, check=True)
    assert done.stdout == wanted


def test_machines_by_the_control_endpoint(ssh: Ssh, small: LabCluster) -> None:
    base = f"{ssh.lab.control_url}/clusters/demo-a"
    joined = ask(f"{base}/join", "POST", {"node": "demo-a-w9", "version": "1.28.15"})
    assert joined["port"] == small.nodes["demo-a-w9"].port
    ask(f"{base}/label", "POST", {"node": "demo-a-w9", "label": "zone", "value": "a"})
    assert small.object("Node", None, "demo-a-w9")["metadata"]["labels"]["zone"] == "a"
    file = {"node": "demo-a-w9", "path": "/tmp/raw", "base64": base64.b64encode(LATIN).decode()}
    ask(f"{base}/file", "POST", file)
    ask(f"{base}/journal", "POST", {"node": "demo-a-w9", "unit": "kubelet.service", "text": "seen"})
    assert ssh("demo-a-w9", "sudo -n journalctl -u kubelet -o cat -n 1").stdout == "seen\n"
    ask(f"{base}/reboot", "POST", {"node": "demo-a-w9"})
    eventually(lambda: ssh("demo-a-w9", "stat -c %s /tmp/raw").stdout == "12\n")
    ask(f"{base}/delete", "POST", {"node": "demo-a-w9"})
    assert small.object("Node", None, "demo-a-w9") is None


@pytest.mark.parametrize(
    ("operation", "told", "words"),
    [
        ("reboot", {"node": "demo-a-w9"}, "there is no node demo-a-w9; there are demo-a-cp1"),
        ("reboot", {}, "reboot wants node and knows no more"),
        ("join", {"node": "a", "version": "one"}, "'one' is not a Kubernetes version"),
    ],
)
def test_what_cannot_be_done_is_said(lab: Lab, operation: str, told: dict[str, str], words: str) -> None:
    url = f"{lab.control_url}/clusters/demo-a/{operation}"
    curl = ["curl", "-sS", "-X", "POST", "-d", json.dumps(told), url]
    done = subprocess.run(curl, capture_output=True, text=True, timeout=10, check=True)
    assert words in done.stdout


def test_a_machine_that_is_off_is_written_down_with_what_that_makes_ill(lab: Lab) -> None:
    """Power, the health of the control plane, and a listener who hears of both in their order."""
    small, heard = lab.clusters["demo-a"], []
    small.listen(heard.append)
    small.power_off(CP)
    assert [(one.node, one.on) for one in small.power] == [(CP, False)]
    assert small.health[-1].ailing == {(CP, "etcd"), (CP, "kube-apiserver")}
    small.power_on(CP)
    eventually(lambda: small.health[-1].ailing == frozenset())
    eventually(small.is_settled)
    assert [(one.node, one.on) for one in small.power] == [(CP, False), (CP, True)]
    told = [one for one in heard if isinstance(one, PowerRecord | HealthRecord)]
    assert [type(one).__name__ for one in told] == ["PowerRecord", "HealthRecord", "PowerRecord", "HealthRecord"]


def test_a_listener_hears_of_a_command_as_it_begins_and_as_it_ends(ssh: Ssh, small: LabCluster) -> None:
    heard: list[object] = []
    small.listen(heard.append)
    ssh(NODE, "true")
    codes = [one.exit_code for one in heard if isinstance(one, CommandRecord) and one.argv == ("true",)]
    assert codes == [None, 0]


def test_whoever_watches_sees_every_change_of_an_object(small: LabCluster) -> None:
    seen: list[str] = []
    small.watch(lambda event: seen.append(event.item["metadata"]["name"]))
    small.apply([{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "mine", "namespace": "default"}}])
    assert "mine" in seen
