"""Nodes without a machine of the lab, and Pods that are held: what everybody else in the lab makes of them."""

from __future__ import annotations

import pytest
from kubernetes import client

from lab import LabCluster
from test_lab.conftest import Ssh, eventually
from test_lab.test_kubeadm import install

CP, NODE = "demo-a-cp1", "demo-a-w1"
VIRTUAL = {"type": "virtual-kubelet"}


def test_a_virtual_node_stays_ready_and_takes_no_workload(small: LabCluster, api: client.CoreV1Api) -> None:
    small.register_node("vk-1", {"kubeletVersion": "v1.28.2"}, VIRTUAL, taint="virtual-kubelet.io/provider")
    node = api.read_node("vk-1")
    assert (node.status.node_info.kubelet_version, node.status.node_info.operating_system) == ("v1.28.2", "")
    assert {one.type: one.status for one in node.status.conditions}["Ready"] == "True"
    small.apply([{**deployment, "spec": {**deployment["spec"], "replicas": 9}} for deployment in _web(small)])
    eventually(lambda: len([pod for pod in small.objects("Pod", "shop") if _app(pod) == "web"]) >= 9)
    assert not [pod for pod in small.objects("Pod", "shop") if pod["spec"].get("nodeName") == "vk-1"]
    small.delete_node("vk-1")
    assert small.object("Node", None, "vk-1") is None


def _web(small: LabCluster) -> list[dict]:
    return [one for one in small.objects("Deployment", "shop") if one["metadata"]["name"] == "web"]


def _app(pod: dict) -> str:
    return str(pod["metadata"].get("labels", {}).get("app"))


@pytest.mark.parametrize(
    ("version", "said"),
    [
        pytest.param("v1.28.2-vk-1", "", id="not too old"),
        pytest.param(
            "v1.19.10-vk-azure-1.4",
            "There are kubelets in this cluster that are too old that have these versions [v1.19.10-vk-azure-1.4]",
            id="too old",
        ),
        pytest.param("", "couldn't parse kubelet version ", id="none"),
        pytest.param("kwok-v0.5.0", "couldn't parse kubelet version kwok-v0.5.0", id="no version"),
    ],
)
def test_kubeadm_looks_at_the_kubelet_version_of_every_node(
    ssh: Ssh, small: LabCluster, version: str, said: str
) -> None:
    small.register_node("vk-1", {"kubeletVersion": version}, VIRTUAL)
    install(ssh, CP, "1.29.15", "kubeadm")
    applied = ssh(CP, "sudo -n kubeadm upgrade apply v1.29.15 --yes")
    assert applied.returncode == bool(said)
    assert f"\t- {said}\n" in applied.stderr if said else applied.stderr == ""


def test_a_finalizer_holds_a_pod_that_its_kubelet_is_through_with(small: LabCluster, api: client.CoreV1Api) -> None:
    name = next(pod["metadata"]["name"] for pod in small.objects("Pod", "shop"))
    api.patch_namespaced_pod(name, "shop", {"metadata": {"finalizers": ["example.org/keep"]}})
    api.delete_namespaced_pod(name, "shop")
    before = small.object("Pod", "shop", name)["metadata"]
    assert before["deletionTimestamp"] > before["creationTimestamp"]
    eventually(lambda: small.object("Pod", "shop", name)["metadata"]["deletionGracePeriodSeconds"] == 0)
    small.let_go("shop", name)
    assert small.object("Pod", "shop", name) is None


def test_a_pod_that_is_let_go_before_its_time_goes_by_itself(small: LabCluster) -> None:
    name = next(pod["metadata"]["name"] for pod in small.objects("Pod", "shop"))
    small.let_go("shop", name)
    assert small.object("Pod", "shop", name) is not None
