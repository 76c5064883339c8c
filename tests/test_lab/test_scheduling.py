"""Where the lab's scheduler puts a pod, and what it says where there is no place."""

from __future__ import annotations

from lab import LabCluster
from test_lab.conftest import eventually


def a_deployment(cpu: str, **spec: object) -> dict[str, object]:
    containers = [{"name": "a", "image": "a", "resources": {"requests": {"cpu": cpu}}}]
    labels = {"app": "large"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": containers, **spec}}
    body = {"replicas": 1, "selector": {"matchLabels": labels}, "template": template}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "large", "namespace": "shop"},
        "spec": body,
    }


def large(cluster: LabCluster) -> list[dict[str, object]]:
    return [pod for pod in cluster.objects("Pod", "shop") if pod["metadata"]["labels"]["app"] == "large"]


def says(cluster: LabCluster) -> str:
    conditions = [one for pod in large(cluster) for one in pod["status"].get("conditions", [])]
    return next((one["message"] for one in conditions if one["type"] == "PodScheduled" and "message" in one), "")


def test_a_pod_that_is_too_large_waits_and_says_why(small: LabCluster) -> None:
    """A node of the lab has two CPUs."""
    workers = len(small.spec.worker_nodes)
    small.apply([a_deployment("3")])
    taint = "1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }"
    eventually(lambda: f"nodes are available: {taint}, {workers} Insufficient cpu." in says(small))
    small.apply([a_deployment("1500m")])
    eventually(lambda: [pod for pod in large(small) if pod["status"]["phase"] == "Running"])


def test_a_pod_goes_where_its_node_selector_says(small: LabCluster) -> None:
    small.apply([a_deployment("100m", nodeSelector={"disk": "fast"})])
    eventually(lambda: "node(s) didn't match Pod's node affinity/selector" in says(small))
    name = small.spec.worker_nodes[-1]
    node = small.object("Node", None, name)
    small.apply([{**node, "metadata": {**node["metadata"], "labels": {**node["metadata"]["labels"], "disk": "fast"}}}])
    eventually(lambda: [pod["spec"].get("nodeName") for pod in large(small)] == [name])
