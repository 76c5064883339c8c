"""Does kubeadm keep its rules and do its work?"""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace

import pytest
from kubernetes import client
from kubernetes.client.rest import ApiException

from lab import LabCluster, Sample
from test_lab.conftest import Ssh, eventually
from test_lab.test_api import evict
from test_lab.test_hosts import NEXT, SOURCE

CP = "demo-a-cp1"


def install(ssh: Ssh, node: str, version: str, *packages: str) -> None:
    minor = version.rpartition(".")[0]
    ssh(node, f"sudo -n dd of={SOURCE} status=none", NEXT.replace("1.29", minor))
    ssh(node, "sudo -n apt-get update")
    wanted = " ".join(f"'{package}={version}-*'" for package in packages or ("kubeadm",))
    done = ssh(node, f"sudo -n apt-get install -y --allow-change-held-packages {wanted}")
    assert done.returncode == 0, done.stderr


REFUSED = [
    ("1.29.15", "v1.30.0", "is too high; kubeadm can upgrade only 1 minor version at a time"),
    ("1.29.15", "v1.30.0", "(30 > 29). Such an upgrade is not supported"),
    ("1.28.15", "v1.29.15", "(29 > 28). Such an upgrade is not supported"),
    ("1.29.3", "v1.29.15", 'is higher than the kubeadm version "v1.29.3"'),
    ("1.29.15", "v1.28.15", "can only be used to upgrade to Kubernetes version 1.29"),
    ("1.29.15", "vier", "doesn't match patterns"),
]


@pytest.mark.parametrize(("installed", "target", "text"), REFUSED)
def test_apply_refuses(ssh: Ssh, installed: str, target: str, text: str) -> None:
    if installed != "1.28.15":
        install(ssh, CP, installed)
    answer = ssh(CP, f"sudo -n kubeadm upgrade apply {target} --yes")
    assert answer.returncode == 1
    assert text in answer.stderr
    assert not ssh.cluster.log[-1].mutating
    assert ssh.cluster.node_state(CP).apiserver == "v1.28.15"


def test_apply_needs_a_control_plane_node_and_a_healthy_one(ssh: Ssh) -> None:
    """golden/kubeadm-upgrade-plan-on-worker.txt.stderr"""
    worker = ssh("demo-a-w1", "sudo -n kubeadm upgrade plan")
    assert worker.returncode == 1
    assert "open /etc/kubernetes/admin.conf: no such file" in worker.stderr
    install(ssh, CP, "1.29.15")
    with ssh.cluster.faults.never_ready(CP):
        ssh(CP, "sudo -n systemctl restart kubelet")
        eventually(lambda: not ssh.cluster.node_state(CP).ready)
        sick = ssh(CP, "sudo -n kubeadm upgrade apply v1.29.15 --yes")
    text = f"[ERROR ControlPlaneNodesReady]: there are NotReady control-planes in the cluster: [{CP}]"
    assert sick.returncode == 1
    assert text in sick.stderr


def test_apply_replaces_the_control_plane(ssh: Ssh, small: LabCluster) -> None:
    install(ssh, CP, "1.29.15")
    done = ssh(CP, "sudo -n kubeadm upgrade apply v1.29.15 --yes")
    assert done.returncode == 0
    assert 'SUCCESS! Your cluster was upgraded to "v1.29.15". Enjoy!' in done.stdout
    state = small.node_state(CP)
    assert (state.apiserver, state.etcd, state.kubelet) == ("v1.29.15", "3.5.16-0", "v1.28.15")
    assert "v1.29.15" in small.object("ConfigMap", "kube-system", "kubeadm-config")["data"]["ClusterConfiguration"]
    pod = small.object("Pod", "kube-system", f"kube-apiserver-{CP}")
    assert pod["spec"]["containers"][0]["image"] == "registry.k8s.io/kube-apiserver:v1.29.15"
    left = ssh(CP, "sudo -n find /etc/kubernetes/tmp -maxdepth 1 -name 'kubeadm-backup-*' -printf '%f\\n'").stdout
    assert len(left.splitlines()) == 2
    eventually(lambda: small.object("DaemonSet", "kube-system", "kube-proxy")["status"]["numberReady"] == 4)
    again = ssh(CP, "sudo -n kubeadm upgrade apply v1.29.15 --yes")
    assert again.returncode == 0
    assert "manifests of etcd are equal, skipping upgrade" in again.stdout
    assert small.violations == []


def test_node_on_a_worker(ssh: Ssh) -> None:
    """golden/kubeadm-upgrade-node-w1.txt"""
    done = ssh("demo-a-w1", "sudo -n kubeadm upgrade node")
    assert done.returncode == 0
    assert "[upgrade] Skipping phase. Not a control plane node.\n" in done.stdout


def test_other_control_plane_nodes_follow_kubeadm_config(ssh_high: Ssh, high: LabCluster) -> None:
    first, second, third = high.spec.control_plane_nodes
    for node in (first, second, third):
        install(ssh_high, node, "1.29.15")
    early = ssh_high(second, "sudo -n kubeadm upgrade node")
    assert early.returncode == 0
    assert high.node_state(second).apiserver == "v1.28.15"
    applied = ssh_high(first, "sudo -n kubeadm upgrade apply v1.29.15 --yes")
    assert f"skip upgrade addons because control plane instances [{second} {third}]" in applied.stdout
    assert "v1.28.15" in image(high, "kube-proxy")
    assert ssh_high(second, "sudo -n kubeadm upgrade node").returncode == 0
    assert ssh_high(third, "sudo -n kubeadm upgrade node").returncode == 0
    assert [high.node_state(n).apiserver for n in (first, second, third)] == ["v1.29.15"] * 3
    assert "v1.29.15" in image(high, "kube-proxy")
    assert high.violations == []


def test_a_whole_upgrade_breaks_no_rule(ssh: Ssh, small: LabCluster, api: client.CoreV1Api) -> None:
    for node in small.spec.nodes:
        install(ssh, node, "1.29.15")
        command = "apply v1.29.15 --yes" if node == CP else "node"
        assert ssh(node, f"sudo -n kubeadm upgrade {command}").returncode == 0
        eventually(small.is_settled)
        drain(small, api, node)
        install(ssh, node, "1.29.15", "kubelet", "kubectl")
        ssh(node, "sudo -n systemctl daemon-reload")
        ssh(node, "sudo -n systemctl restart kubelet")
        eventually(lambda node=node: small.timeline[-1] == upgraded(small, node))
        eventually(small.is_settled)
        api.patch_node(node, {"spec": {"unschedulable": None}})
    assert small.violations == []
    nodes = api.list_node().items
    assert {node.status.node_info.kubelet_version for node in nodes} == {"v1.29.15"}
    assert not any(node.spec.unschedulable for node in nodes)


def upgraded(cluster: LabCluster, node: str) -> Sample:
    last = next(one for one in reversed(cluster.timeline) if one.node == node)
    return replace(last, ready=True, schedulable=False, kubelet="v1.29.15")


def drain(cluster: LabCluster, api: client.CoreV1Api, node: str) -> None:
    api.patch_node(node, {"spec": {"unschedulable": True}})

    def empty() -> bool:
        names = cluster.node_state(node).evictable
        for pod in cluster.objects("Pod"):
            if pod["metadata"]["name"] in names:
                with contextlib.suppress(ApiException):
                    evict(api, pod["metadata"]["name"], namespace=pod["metadata"]["namespace"])
        return not cluster.node_state(node).evictable

    eventually(empty)


def image(cluster: LabCluster, daemon_set: str) -> str:
    item = cluster.object("DaemonSet", "kube-system", daemon_set)
    assert item is not None
    return str(item["spec"]["template"]["spec"]["containers"][0]["image"])


def test_two_at_once_is_a_violation(ssh_high: Ssh, high: LabCluster) -> None:
    first, second, _ = high.spec.control_plane_nodes
    for node in (first, second):
        high.faults.never_ready(node)
        ssh_high(node, "sudo -n systemctl restart kubelet")
    assert f"control plane nodes {first} and {second} are disrupted at once" in high.violations


def test_plan_as_text_and_json(ssh: Ssh) -> None:
    install(ssh, CP, "1.29.15")
    text = ssh(CP, "sudo -n kubeadm upgrade plan v1.29.15")
    assert "kubelet     4 x v1.28.15   v1.29.15\n" in text.stdout
    assert "etcd                      3.5.15-0   3.5.16-0\n" in text.stdout
    assert text.stderr == ""
    unnamed = ssh(CP, "sudo -n kubeadm upgrade plan")
    assert "could not fetch a Kubernetes version from the internet" in unnamed.stderr
    assert unnamed.returncode == 0
    for version in ("1.29.15", "1.30.14", "1.31.14"):
        install(ssh, CP, version)
        if version != "1.31.14":
            assert ssh(CP, f"sudo -n kubeadm upgrade apply v{version} --yes").returncode == 0
    document = json.loads(ssh(CP, "sudo -n kubeadm upgrade plan v1.31.14 -o json").stdout)
    names = {one["name"]: one for one in document["availableUpgrades"][0]["components"]}
    assert (names["etcd"]["currentVersion"], names["etcd"]["newVersion"]) == ("3.5.16-0", "3.5.24-0")
