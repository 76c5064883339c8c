"""How Kubernetes objects, as the API's JSON shows them, become facts."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from kubeadm_upgrade.actions import CORDONED_BY
from kubeadm_upgrade.control_plane import CONTROL_PLANE_COMPONENTS, ControlPlaneFacts
from kubeadm_upgrade.drain.pod_object import UNSCHEDULABLE
from kubeadm_upgrade.drain.quarantine import LABEL
from kubeadm_upgrade.errors import UnreadableOutput
from kubeadm_upgrade.facts import NodeFacts
from kubeadm_upgrade.local_etcd import LocalEtcd, started_with
from kubeadm_upgrade.outsiders import kubelet_version, node_info, why_outsider
from kubeadm_upgrade.reading import condition, moment, name_of, reading
from kubeadm_upgrade.roles import is_control_plane
from kubeadm_upgrade.settings import read_kubernetes_version, read_local_etcd
from kubeadm_upgrade.static_pod import StaticPod
from kubeadm_upgrade.version import Version

CRI_SOCKET = "kubeadm.alpha.kubernetes.io/cri-socket"  # kubeadm's annotation
Json = Mapping[str, Any]


def read_nodes(nodes: Iterable[Json]) -> tuple[NodeFacts, ...]:
    """Every Node that is ours to upgrade; the others are outsiders (outsiders.py)."""
    return tuple(read_node(node) for node in nodes if why_outsider(node) is None)


def read_node(node: Json) -> NodeFacts:
    """A Node object. Raises UnreadableOutput when its kubelet's version is not a version."""
    with reading(f"Node {name_of(node)}"):
        return _node(node)


def _node(node: Json) -> NodeFacts:
    meta, status, info = node["metadata"], node.get("status", {}), node_info(node)
    ready = condition(status, "Ready")
    return NodeFacts(
        name=meta["name"],
        kubelet=_version(f"Node {meta['name']}: status.nodeInfo.kubeletVersion", kubelet_version(node)),
        ready=ready.get("status") == "True",
        ready_reason=ready.get("reason", ""),
        ready_message=ready.get("message", ""),
        heartbeat=moment(ready.get("lastHeartbeatTime")),
        ready_changed=moment(ready.get("lastTransitionTime")),
        pressures=tuple(_pressures(status)),
        unschedulable=bool(node.get("spec", {}).get("unschedulable")),
        cordoned_by=_cordoned_by(meta),
        cordoned_at=_cordoned_at(node),
        control_plane=is_control_plane(meta.get("labels", {})),
        addresses=_addresses(status),
        os_image=info.get("osImage", ""),
        runtime=info.get("containerRuntimeVersion", ""),
        cri_socket=str((meta.get("annotations") or {}).get(CRI_SOCKET, "")),
        machine_id=info.get("machineID", ""),
        boot_id=info.get("bootID", ""),
        kernel=info.get("kernelVersion", ""),
        resource_version=meta.get("resourceVersion", ""),
        taints=tuple(node.get("spec", {}).get("taints") or ()),
        quarantined=LABEL in meta.get("labels", {}),
        labels=meta.get("labels") or {},
    )


def _addresses(status: Json) -> Mapping[str, str]:
    """By type. Of several the first counts, as for Kubernetes itself: the other is of a node's second stack."""
    found: dict[str, str] = {}
    for entry in status.get("addresses", []):
        found.setdefault(entry["type"], entry["address"])
    return found


def _cordoned_by(meta: Json) -> str | None:
    """Our annotation, where the cordon is ours too: somebody may have undone it, and cordoned the node since.

    Whoever wrote a field last owns it: https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
    """
    owners = [entry.get("fieldsV1", {}) for entry in meta.get("managedFields", [])]
    cordoning = [fields for fields in owners if "f:unschedulable" in fields.get("f:spec", {})]
    ours = [one for one in cordoning if f"f:{CORDONED_BY}" in one.get("f:metadata", {}).get("f:annotations", {})]
    by: str | None = meta.get("annotations", {}).get(CORDONED_BY)
    return by if ours or not cordoning else None


def _cordoned_at(node: Json) -> datetime | None:
    taints = node.get("spec", {}).get("taints") or ()
    return next((moment(taint.get("timeAdded")) for taint in taints if taint["key"] == UNSCHEDULABLE), None)


def read_control_plane(
    pods: Iterable[Json], kubeadm_config: Json, nodes: Iterable[NodeFacts], failing_checks: tuple[str, ...] = ()
) -> ControlPlaneFacts:
    """The mirror Pods of kube-system, the ConfigMap kubeadm-config, and the Nodes."""
    with reading("ConfigMap kube-system/kubeadm-config"):
        text = kubeadm_config["data"]["ClusterConfiguration"]
        version_of_object = kubeadm_config["metadata"].get("resourceVersion", "")
    there = tuple(nodes)
    static_pods = tuple(_static_pods(pods, read_local_etcd(text)))
    return ControlPlaneFacts(
        static_pods=static_pods,
        cluster_version=read_kubernetes_version(text),
        nodes_ready={node.name: node.ready for node in there if node.control_plane},
        failing_checks=failing_checks,
        configuration=text,
        configuration_version=version_of_object,
        unlabelled=_unlabelled(static_pods, there),
    )


def _unlabelled(static_pods: Iterable[StaticPod], nodes: Iterable[NodeFacts]) -> Mapping[str, tuple[str, ...]]:
    """Of the Nodes that there are: a mirror Pod whose Node has gone goes as well."""
    workers = {node.name for node in nodes if not node.control_plane}
    found: dict[str, tuple[str, ...]] = {}
    for pod in static_pods:
        if pod.node in workers:
            found[pod.node] = (*found.get(pod.node, ()), pod.component)
    return found


def read_kube_proxies(pods: Iterable[Json]) -> Mapping[str, Version]:
    """Node -> the version of the kube-proxy on it, from its Pods; those of another image have no Kubernetes version."""
    found = {}
    for pod in pods:
        with reading(f"Pod {name_of(pod)}"):
            tag, node = _image_tag(pod, "kube-proxy"), pod["spec"].get("nodeName")
            if node:
                with suppress(ValueError):
                    found[node] = Version.of_tag(tag)
    return found


def read_readyz(text: str) -> tuple[str, ...]:
    """The names of the checks that fail in `/readyz?verbose`: its lines that begin with [-]."""
    failing = tuple(line.removeprefix("[-]").partition(" ")[0] for line in text.splitlines() if line.startswith("[-]"))
    healthy = text.strip() == "ok" or text.rstrip().endswith("check passed")
    return failing if failing or healthy else ("(no readable answer)",)  # such as a load balancer's own error page


def _is_control_plane_pod(pod: Json) -> bool:
    meta = pod["metadata"]
    component = meta.get("labels", {}).get("component")
    mirror = "kubernetes.io/config.mirror" in meta.get("annotations", {})
    return mirror and component in (*CONTROL_PLANE_COMPONENTS, "etcd")


def _static_pods(pods: Iterable[Json], configured: LocalEtcd) -> Iterator[StaticPod]:
    for pod in pods:
        with reading(f"Pod {name_of(pod)}"):
            if _is_control_plane_pod(pod):
                yield _static_pod(pod, configured)


def _static_pod(pod: Json, configured: LocalEtcd) -> StaticPod:
    component = pod["metadata"]["labels"]["component"]
    return StaticPod(
        component=component,
        node=str(pod["spec"]["nodeName"]),
        image_tag=_image_tag(pod, component),
        image=_image(pod, component),
        local_etcd=_local_etcd(pod, configured) if component == "etcd" else None,
        command=_command(_container(pod, component)),
        ready=condition(pod.get("status", {}), "Ready").get("status") == "True",
        created=moment(pod["metadata"].get("creationTimestamp")),
    )


def _local_etcd(pod: Json, configured: LocalEtcd) -> LocalEtcd:
    container = _container(pod, "etcd")
    on_host = {v["name"]: v["hostPath"]["path"] for v in pod["spec"].get("volumes") or () if "hostPath" in v}
    mounts = {
        mount["mountPath"]: posixpath.join(on_host[mount["name"]], mount.get("subPath", ""))
        for mount in container.get("volumeMounts") or ()
        if mount["name"] in on_host
    }
    return started_with(_command(container), mounts, configured)


def _command(container: Json) -> tuple[str, ...]:
    return (*map(str, container.get("command") or ()), *map(str, container.get("args") or ()))


def _image_tag(pod: Json, component: str) -> str:
    """Without one, as where an image is named by its digest only, it is empty."""
    # a digest may follow the tag, and a registry may have a port before it
    name = _image(pod, component).partition("@")[0].rpartition("/")[2]
    return name.partition(":")[2]


def _image(pod: Json, component: str) -> str:
    return str(_container(pod, component)["image"])


def _container(pod: Json, component: str) -> Json:
    found: Json = next((c for c in pod["spec"]["containers"] if c["name"] == component), {})
    return found


def _pressures(status: Json) -> Iterator[str]:
    """Every other condition of a Node is a complaint, where it holds; unknown are all where it is silent."""
    for one in status.get("conditions", []):
        if one["type"] != "Ready" and one.get("status") == "True":
            yield f"{one['type']} ({one.get('message') or one.get('reason', '')})"


def _version(where: str, text: str) -> Version:
    try:
        return Version.parse(text)
    except ValueError as error:
        raise UnreadableOutput(f"{where}: {error}") from error
