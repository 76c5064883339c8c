"""Does the API answer like a kube-apiserver?"""

from __future__ import annotations

import json
import ssl
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from kubernetes import client, watch
from kubernetes.client.rest import ApiException

from lab import Budget, ClusterSpec, Lab, LabCluster
from lab.workload_objects import budget
from test_lab.conftest import core, eventually

READER = [
    {
        "kind": "ServiceAccount",
        "apiVersion": "v1",
        "metadata": {"name": "reader", "namespace": "kube-system"},
    },
    {
        "kind": "ClusterRole",
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "metadata": {"name": "reader"},
        "rules": [
            {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"]},
            {"apiGroups": [""], "resources": ["nodes"], "verbs": ["patch"], "resourceNames": ["demo-a-w1"]},
            {"apiGroups": [""], "resources": ["pods/eviction"], "verbs": ["create"]},
        ],
    },
    {
        "kind": "ClusterRoleBinding",
        "apiVersion": "rbac.authorization.k8s.io/v1",
        "metadata": {"name": "reader"},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "reader"},
        "subjects": [{"kind": "ServiceAccount", "name": "reader", "namespace": "kube-system"}],
    },
]


def raw(cluster: LabCluster, path: str, token: str | None = None) -> tuple[int, str]:
    context = ssl.create_default_context(cafile=str(cluster.ca_pem))
    request = urllib.request.Request(cluster.api_url + path)
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, context=context, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def evict(api: client.CoreV1Api, pod: str, dry: bool = False, namespace: str = "shop") -> object:
    body = client.V1Eviction(metadata=client.V1ObjectMeta(name=pod, namespace=namespace))
    extra = {"dry_run": "All"} if dry else {}
    return api.create_namespaced_pod_eviction(pod, namespace, body, **extra)


def pods(api: client.CoreV1Api, app: str) -> list[str]:
    listed = api.list_namespaced_pod("shop", label_selector=f"app={app}").items
    return [pod.metadata.name for pod in listed if pod.metadata.deletion_timestamp is None]


def test_without_credentials_one_is_anonymous(small: LabCluster) -> None:
    """As golden/unauthenticated-body.json: 403, since anonymous is a user too."""
    code, body = raw(small, "/api/v1/nodes")
    assert code == 403
    assert json.loads(body)["message"] == (
        'nodes is forbidden: User "system:anonymous" cannot list resource "nodes" in API group "" at the cluster scope'
    )
    assert raw(small, "/readyz") == (200, "ok")
    assert json.loads(raw(small, "/version")[1])["gitVersion"] == "v1.28.15"
    assert raw(small, "/readyz?verbose")[1].endswith("readyz check passed\n")


def test_a_wrong_token_is_unauthorized(small: LabCluster) -> None:
    code, body = raw(small, "/api/v1/nodes", "nonsense")
    assert (code, json.loads(body)["reason"]) == (401, "Unauthorized")


def test_rbac_is_evaluated(small: LabCluster) -> None:
    small.apply(READER)
    reader = core(small.service_account_kubeconfig("kube-system", "reader"))
    assert reader.list_namespaced_pod("shop").items
    with pytest.raises(ApiException) as refused:
        reader.list_node()
    assert refused.value.status == 403
    assert (
        'nodes is forbidden: User \\"system:serviceaccount:kube-system:reader\\" cannot list resource'
        in refused.value.body
    )
    reader.patch_node("demo-a-w1", {"metadata": {"labels": {"mine": "yes"}}})
    with pytest.raises(ApiException):
        reader.patch_node("demo-a-w2", {"metadata": {"labels": {"mine": "yes"}}})
    evict(reader, small.objects("Pod", "shop")[0]["metadata"]["name"], dry=True)


def test_access_review(small: LabCluster) -> None:
    small.apply(READER)
    reader = core(small.service_account_kubeconfig("kube-system", "reader"))
    authorization = client.AuthorizationV1Api(reader.api_client)

    def may(verb: str, resource: str, subresource: str | None = None) -> bool:
        wanted = client.V1ResourceAttributes(verb=verb, resource=resource, subresource=subresource)
        spec = client.V1SelfSubjectAccessReviewSpec(resource_attributes=wanted)
        review = client.V1SelfSubjectAccessReview(spec=spec)
        return bool(authorization.create_self_subject_access_review(review).status.allowed)

    assert [may("list", "pods"), may("create", "pods", "eviction"), may("list", "nodes")] == [
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(("version", "knows"), [("1.27.16", False), ("1.28.15", True)])
def test_who_am_i(tmp_path: Path, version: str, knows: bool) -> None:
    """Since 1.28, and 404 before; a review says which binding it is that allows."""
    with Lab(tmp_path, [ClusterSpec("aged", workers=0, version=version)]) as lab:
        cluster = lab.clusters["aged"]
        cluster.apply(READER)
        api_client = core(cluster.service_account_kubeconfig("kube-system", "reader")).api_client
        who = client.AuthenticationV1Api(api_client).create_self_subject_review
        if knows:
            assert who({}).status.user_info.username == "system:serviceaccount:kube-system:reader"
        else:
            with pytest.raises(ApiException) as unknown:
                who({})
            assert unknown.value.status == 404
        may = client.AuthorizationV1Api(api_client).create_self_subject_access_review
        spec = client.V1SelfSubjectAccessReviewSpec(resource_attributes=client.V1ResourceAttributes(verb="list"))
        assert may(client.V1SelfSubjectAccessReview(spec=spec)).status.to_dict()["reason"] is None
        spec.resource_attributes.resource = "pods"
        assert may(client.V1SelfSubjectAccessReview(spec=spec)).status.reason.startswith("RBAC: allowed by ")


def test_conflicts(api: client.CoreV1Api) -> None:
    created = api.create_namespaced_config_map(
        "kube-system", client.V1ConfigMap(metadata=client.V1ObjectMeta(name="slots"), data={"a": "1"})
    )
    with pytest.raises(ApiException) as exists:
        api.create_namespaced_config_map("kube-system", client.V1ConfigMap(metadata=client.V1ObjectMeta(name="slots")))
    assert (exists.value.status, json.loads(exists.value.body)["reason"]) == (409, "AlreadyExists")
    api.patch_namespaced_config_map("slots", "kube-system", {"data": {"b": "2"}})
    created.data = {"mine": "all"}
    with pytest.raises(ApiException) as stale:
        api.replace_namespaced_config_map("slots", "kube-system", created)
    assert (stale.value.status, json.loads(stale.value.body)["reason"]) == (409, "Conflict")
    body = {"metadata": {"resourceVersion": created.metadata.resource_version}, "data": {"c": "3"}}
    with pytest.raises(ApiException) as precondition:
        api.patch_namespaced_config_map("slots", "kube-system", body)
    assert precondition.value.status == 409


def test_watch_follows_from_a_version(small: LabCluster, api: client.CoreV1Api) -> None:
    version = api.list_namespaced_config_map("kube-system").metadata.resource_version
    api.create_namespaced_config_map("kube-system", client.V1ConfigMap(metadata=client.V1ObjectMeta(name="seen")))

    def later() -> None:
        api.patch_namespaced_config_map("seen", "kube-system", {"data": {"x": "y"}})
        api.delete_namespaced_config_map("seen", "kube-system")

    threading.Timer(0.2, later).start()
    stream = watch.Watch().stream(
        core(small.admin_kubeconfig).list_namespaced_config_map,
        "kube-system",
        resource_version=version,
        timeout_seconds=2,
    )
    kinds = []
    for event in stream:
        kinds.append(event["type"])
        if event["type"] == "DELETED":
            break
    assert kinds == ["ADDED", "MODIFIED", "DELETED"]


def test_lists_can_be_selected_and_paged(api: client.CoreV1Api) -> None:
    on_node = api.list_pod_for_all_namespaces(field_selector="spec.nodeName=demo-a-w1,status.phase=Running")
    assert {pod.spec.node_name for pod in on_node.items} == {"demo-a-w1"}
    control_plane = api.list_node(label_selector="node-role.kubernetes.io/control-plane")
    assert [node.metadata.name for node in control_plane.items] == ["demo-a-cp1"]
    first = api.list_node(limit=3)
    rest = api.list_node(limit=3, _continue=first.metadata._continue)
    assert (len(first.items), len(rest.items), rest.metadata._continue) == (3, 1, None)


def test_eviction_is_answered_as_golden_shows(small: LabCluster, api: client.CoreV1Api) -> None:
    first, second = pods(api, "web")[:2]
    evict(api, first, dry=True)
    assert first in pods(api, "web")
    evict(api, first)
    with pytest.raises(ApiException) as blocked:
        evict(api, second)
    body = json.loads(blocked.value.body)
    cause = "The disruption budget web needs 3 healthy pods and has 3 currently"
    assert (body["code"], body["details"]["causes"][0]["message"]) == (429, cause)
    with pytest.raises(ApiException) as gone:
        evict(api, "nosuchpod")
    assert gone.value.status == 404
    eventually(lambda: small.object("PodDisruptionBudget", "shop", "web")["status"]["disruptionsAllowed"] == 1)
    names = pods(api, "web")
    assert len(names) == 4
    assert first not in names
    evict(api, second)


def test_two_budgets_are_an_error(small: LabCluster, api: client.CoreV1Api) -> None:
    small.apply([budget(Budget("second", "web", min_available=1))])
    with pytest.raises(ApiException) as both:
        evict(api, pods(api, "web")[0])
    assert both.value.status == 500
    assert "more than one PodDisruptionBudget" in both.value.body


def test_evicted_pods_come_back_elsewhere_or_wait(small: LabCluster, api: client.CoreV1Api) -> None:
    for node in ("demo-a-w1", "demo-a-w2", "demo-a-w3"):
        api.patch_node(node, {"spec": {"unschedulable": True}})
    eventually(lambda: api.read_node("demo-a-w1").spec.taints)
    assert api.read_node("demo-a-w1").spec.taints[0].key == "node.kubernetes.io/unschedulable"
    evict(api, pods(api, "batch")[0])
    eventually(lambda: "Pending" in [p["status"]["phase"] for p in small.objects("Pod", "shop")])
    api.patch_node("demo-a-w2", {"spec": {"unschedulable": None}})

    def back() -> bool:
        found = [p for p in small.objects("Pod", "shop") if p["metadata"]["labels"]["app"] == "batch"]
        return len(found) == 2 and all(p["status"]["phase"] == "Running" for p in found)

    eventually(back)
    assert any(
        p["spec"]["nodeName"] == "demo-a-w2"
        for p in small.objects("Pod", "shop")
        if p["metadata"]["labels"]["app"] == "batch"
    )


def test_status_has_its_own_door(api: client.CoreV1Api) -> None:
    condition = {
        "type": "Weather",
        "status": "True",
        "reason": "Sunny",
        "message": "",
        "lastHeartbeatTime": None,
    }
    api.patch_node("demo-a-w1", {"status": {"conditions": [condition]}})
    kinds = {one.type for one in api.read_node("demo-a-w1").status.conditions}
    assert "Weather" not in kinds
    assert "Ready" in kinds


def test_mutations_are_written_down(small: LabCluster, api: client.CoreV1Api) -> None:
    api.patch_node("demo-a-w1", {"spec": {"unschedulable": True}})
    last = small.mutations[-1]
    assert (last.user, last.verb, last.path, last.status) == (
        "kubernetes-admin", "patch", "/api/v1/nodes/demo-a-w1", 200,
    )  # fmt: skip
    assert last.body == {"spec": {"unschedulable": True}}
    assert small.timeline[-1].node == "demo-a-w1"
    assert not small.timeline[-1].schedulable
