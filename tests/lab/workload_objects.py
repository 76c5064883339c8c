"""Deployments, DaemonSets, budgets and configuration a fresh cluster holds."""

from __future__ import annotations

from typing import Any

import yaml

from lab.pod_objects import owner_reference, template_hash
from lab.releases import Release
from lab.spec import Budget, ClusterSpec, Workload
from lab.store import Item

SYSTEM = "kube-system"
_TOLERATE_ALL = [{"operator": "Exists"}]
_CONTROL_PLANE = [
    {"key": "CriticalAddonsOnly", "operator": "Exists"},
    {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"},
    {"key": "node-role.kubernetes.io/master", "effect": "NoSchedule"},
]


def namespaces(spec: ClusterSpec) -> list[Item]:
    wanted = {"default", "kube-system", "kube-public", "kube-node-lease"}
    wanted |= {workload.namespace for workload in spec.workloads}
    return [_plain("v1", "Namespace", None, name, status={"phase": "Active"}) for name in sorted(wanted)]


def service_accounts(spec: ClusterSpec) -> list[Item]:
    return [_plain("v1", "ServiceAccount", one["metadata"]["name"], "default") for one in namespaces(spec)]


def deployment(workload: Workload) -> Item:
    containers = [{"name": "app", "image": "registry.example.org/app:1", "resources": {}}]
    return _deployment(workload.namespace, workload.name, {"app": workload.name}, workload.replicas, containers)


def coredns(release: Release) -> Item:
    asked = {"limits": {"memory": "170Mi"}, "requests": {"cpu": "100m", "memory": "70Mi"}}
    containers = [{"name": "coredns", "image": release.image("coredns/coredns"), "resources": asked}]
    item = _deployment(SYSTEM, "coredns", {"k8s-app": "kube-dns"}, 2, containers)
    item["spec"]["template"]["spec"] |= {
        "tolerations": _CONTROL_PLANE,
        "priorityClassName": "system-cluster-critical",
        "serviceAccountName": "coredns",
    }
    return item


def _deployment(namespace: str, name: str, labels: dict[str, str], replicas: int, containers: list[Any]) -> Item:
    template = {"metadata": {"labels": labels}, "spec": {"containers": containers}}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    item = _plain("apps/v1", "Deployment", namespace, name, spec=spec, status={})
    item["metadata"]["labels"] = dict(labels)
    return item


def replica_set(owner: Item) -> Item:
    """The ReplicaSet of a Deployment's current template."""
    spec, metadata = owner["spec"], owner["metadata"]
    digest = template_hash(spec["template"])
    labels = spec["template"]["metadata"].get("labels", {}) | {"pod-template-hash": digest}
    template = spec["template"] | {"metadata": spec["template"]["metadata"] | {"labels": labels}}
    own = {"replicas": spec.get("replicas", 1), "selector": {"matchLabels": labels}, "template": template}
    item = _plain("apps/v1", "ReplicaSet", metadata["namespace"], f"{metadata['name']}-{digest}", spec=own, status={})
    item["metadata"] |= {"labels": labels, "ownerReferences": [owner_reference(owner)]}
    if noted := metadata.get("annotations"):  # as the controller copies them
        item["metadata"]["annotations"] = dict(noted)
    return item


def kube_proxy(release: Release) -> Item:
    containers = [{"name": "kube-proxy", "image": release.image("kube-proxy"), "resources": {}}]
    return _daemon_set("kube-proxy", {"k8s-app": "kube-proxy"}, containers)


def network(release: Release) -> Item:
    """The CNI plugin; kubeadm never touches it, so its image stays whatever the cluster was made with."""
    containers = [{"name": "cni", "image": "registry.example.org/cni:v1", "resources": {}}]
    return _daemon_set("cni-node", {"k8s-app": "cni-node"}, containers)


def _daemon_set(name: str, labels: dict[str, str], containers: list[Any]) -> Item:
    pod = {"containers": containers, "hostNetwork": True, "tolerations": _TOLERATE_ALL}
    pod["priorityClassName"] = "system-node-critical"
    template = {"metadata": {"labels": labels}, "spec": pod}
    spec = {"selector": {"matchLabels": labels}, "template": template}
    item = _plain("apps/v1", "DaemonSet", SYSTEM, name, spec=spec, status={})
    item["metadata"]["labels"] = dict(labels)
    return item


def budget(one: Budget) -> Item:
    spec: dict[str, Any] = {"selector": {"matchLabels": {"app": one.app}}}
    spec |= {} if one.min_available is None else {"minAvailable": one.min_available}
    spec |= {} if one.max_unavailable is None else {"maxUnavailable": one.max_unavailable}
    return _plain("policy/v1", "PodDisruptionBudget", one.namespace, one.name, spec=spec, status={})


def kubeadm_config(spec: ClusterSpec, release: Release, endpoint: str) -> Item:
    """After golden/kubeadm-config-cm.yaml; from 1.31 on in the shape of v1beta4."""
    new = release.minor >= 31
    arguments: Any = {"authorization-mode": "Node,RBAC"}
    server: dict[str, Any] = {"extraArgs": arguments, "timeoutForControlPlane": "4m0s"}
    configuration = {
        "apiServer": {} if new else server,
        "apiVersion": "kubeadm.k8s.io/v1beta4" if new else "kubeadm.k8s.io/v1beta3",
        "certificatesDir": spec.certificates,
        "clusterName": spec.name,
        "controlPlaneEndpoint": endpoint,
        "controllerManager": {},
        "dns": {},
        "etcd": {"local": {"dataDir": spec.etcd_data}},
        "imageRepository": release.registry,
        "kind": "ClusterConfiguration",
        "kubernetesVersion": release.v,
        "networking": {
            "dnsDomain": "cluster.local",
            "podSubnet": "10.244.0.0/16",
            "serviceSubnet": "10.96.0.0/12",
        },
        "scheduler": {},
    }
    return config_map("kubeadm-config", {"ClusterConfiguration": yaml.safe_dump(configuration)})


def kubelet_config_text() -> str:
    return yaml.safe_dump(
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"cacheTTL": "0s", "enabled": True},
            },
            "authorization": {"mode": "Webhook"},
            "cgroupDriver": "systemd",
            "clusterDNS": ["10.96.0.10"],
            "clusterDomain": "cluster.local",
            "healthzBindAddress": "127.0.0.1",
            "healthzPort": 10248,
            "kind": "KubeletConfiguration",
            "rotateCertificates": True,
            "staticPodPath": "/etc/kubernetes/manifests",
        }
    )


def config_map(name: str, data: dict[str, str]) -> Item:
    return _plain("v1", "ConfigMap", SYSTEM, name, data=data)


def config_maps(spec: ClusterSpec, release: Release, endpoint: str) -> list[Item]:
    proxy = yaml.safe_dump(
        {"apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration", "mode": ""}
    )
    return [
        kubeadm_config(spec, release, endpoint),
        config_map(release.kubelet_config, {"kubelet": kubelet_config_text()}),
        config_map("kube-proxy", {"config.conf": proxy}),
        config_map("coredns", {"Corefile": ".:53 {\n    errors\n    kubernetes cluster.local\n}\n"}),
    ]


def _role(name: str, rules: list[dict[str, Any]]) -> Item:
    return _plain("rbac.authorization.k8s.io/v1", "ClusterRole", None, name, rules=rules)


def _binding(name: str, role: str, *groups: str) -> Item:
    api = "rbac.authorization.k8s.io"
    subjects = [{"apiGroup": api, "kind": "Group", "name": group} for group in groups]
    reference = {"apiGroup": api, "kind": "ClusterRole", "name": role}
    return _plain(f"{api}/v1", "ClusterRoleBinding", None, name, roleRef=reference, subjects=subjects)


def rbac(minor: int) -> list[Item]:
    """The bootstrap policy of a minor release, as far as somebody could notice it missing."""
    health = ["/healthz", "/healthz/*", "/livez", "/livez/*", "/readyz", "/readyz/*", "/version", "/version/"]
    discovery = ["/api", "/api/*", "/apis", "/apis/*", "/openapi", "/openapi/*"]
    everything = [
        {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]},
        {"nonResourceURLs": ["*"], "verbs": ["*"]},
    ]
    # a right comes before the question whether there is such a resource: before 1.27 who asks is told 403, and not 404
    reviews = ["selfsubjectaccessreviews", *(["selfsubjectreviews"] if minor >= 27 else [])]
    basic = [
        {
            "apiGroups": ["authorization.k8s.io", "authentication.k8s.io"],
            "resources": reviews,
            "verbs": ["create"],
        }
    ]
    return [
        _role("cluster-admin", everything),
        _role("system:public-info-viewer", [{"nonResourceURLs": health, "verbs": ["get"]}]),
        _role("system:discovery", [{"nonResourceURLs": health + discovery, "verbs": ["get"]}]),
        _role("system:basic-user", basic),
        _binding("cluster-admin", "cluster-admin", "system:masters"),
        _binding(
            "system:public-info-viewer",
            "system:public-info-viewer",
            "system:authenticated",
            "system:unauthenticated",
        ),
        _binding("system:discovery", "system:discovery", "system:authenticated"),
        _binding("system:basic-user", "system:basic-user", "system:authenticated"),
        _binding("kubeadm:cluster-admins", "cluster-admin", "kubeadm:cluster-admins"),
    ]


def _plain(api: str, kind: str, namespace: str | None, name: str, **rest: Any) -> Item:
    metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
    return {"kind": kind, "apiVersion": api, "metadata": metadata} | rest
