"""The whole cluster at one moment, through its API and every host's SSH: for look, preflight, verify and report."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date

from kubeadm_airflow.hooks.cluster_api import ClusterApi
from kubeadm_airflow.hooks.host import Host, address_of
from kubeadm_airflow.hooks.node_port import look_at_control_plane, look_at_host
from kubeadm_upgrade import looks, objects
from kubeadm_upgrade.errors import CommandFailed, NeedsPerson, TimeCures, Unreachable
from kubeadm_upgrade.facts import ControlPlaneFacts, HostFacts, NodeFacts, PodFacts
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.inventory import Cluster
from kubeadm_upgrade.preflight import LookedAtHost, Scene
from kubeadm_upgrade.slots import Slots
from kubeadm_upgrade.state import NodeState, State
from kubeadm_upgrade.version import TargetVersion

HOSTS_AT_ONCE = 20


async def look_at_result(cluster: Cluster) -> tuple[tuple[NodeFacts, ...], ControlPlaneFacts, Slots]:
    """What is looked at through the API alone: enough to plan by, and to judge a result."""
    async with ClusterApi.open(cluster.kubernetes_conn_id) as api:
        nodes = tuple(objects.read_node(node) for node in await api.nodes())
        slots, _ = await api.slots()
        return nodes, await look_at_control_plane(api), slots


async def look_at_state(cluster: Cluster, target: TargetVersion) -> State:
    """What the planner needs: nodes and versions, and what the repository publishes of the target's minor release."""
    nodes, control_plane, _ = await look_at_result(cluster)
    apiservers = control_plane.versions("kube-apiserver")
    states = tuple(
        NodeState(
            name=node.name,
            control_plane=node.control_plane,
            kubelet=node.kubelet,
            apiserver=apiservers.get(node.name),
            ready=node.ready,
            schedulable=node.schedulable,
            cordoned_by_us=node.cordoned_by is not None,
            os_image=node.os_image,
            runtime=node.runtime,
        )
        for node in nodes
    )
    published = await _published(cluster, [node for node in nodes if node.control_plane], target)
    return State(control_plane.cluster_version, states, published)


async def look_at_scene(cluster: Cluster, hop: Hop, today: date) -> Scene:
    """What preflight judges. A host that cannot be looked at is part of the scene, not an error."""
    async with ClusterApi.open(cluster.kubernetes_conn_id) as api:
        nodes = tuple(objects.read_node(node) for node in await api.nodes())
        control_plane = await look_at_control_plane(api)
        pods = _by_node(await api.pods())
    concerned = [node for node in nodes if node.name in {*hop.control_plane, *hop.workers}]
    gate = asyncio.Semaphore(HOSTS_AT_ONCE)
    answers = await asyncio.gather(*(_look_at_host(cluster, hop, node, gate) for node in concerned))
    hosts = {node.name: answer for node, answer in zip(concerned, answers, strict=True)}
    return Scene(hop, today, nodes, hosts, pods, control_plane)


async def _look_at_host(cluster: Cluster, hop: Hop, node: NodeFacts, gate: asyncio.Semaphore) -> LookedAtHost:
    try:
        async with gate, Host.open(cluster, address_of(cluster, node)) as host:
            await host.look(looks.ROOT)
            facts = HostFacts(**await look_at_host(host))
            try:
                return LookedAtHost(facts, await host.look(looks.published(hop.repository.url)))
            except CommandFailed as error:  # no matter where everything is installed already
                return LookedAtHost(facts, unpublished=str(error))
    except (NeedsPerson, TimeCures) as error:
        return LookedAtHost(error=str(error))


async def _published(
    cluster: Cluster, nodes: Sequence[NodeFacts], target: TargetVersion
) -> Mapping[str, tuple[str, ...]]:
    """Ask the first control plane node that answers: nodes reach the repository, Airflow perhaps does not."""
    last: Exception = NeedsPerson(f"{cluster.name} has no control plane node: is kubernetes_conn_id the right cluster?")
    for node in nodes:
        try:
            async with Host.open(cluster, address_of(cluster, node)) as host:
                return await host.look(looks.published(cluster.repository(target.release).url))
        except (Unreachable, CommandFailed) as error:
            last = error
    raise last


def _by_node(pods: Sequence[dict[str, object]]) -> Mapping[str, tuple[PodFacts, ...]]:
    by_node: dict[str, tuple[PodFacts, ...]] = {}
    for pod in pods:
        name = pod["spec"].get("nodeName")  # type: ignore[attr-defined]
        if name:
            by_node[name] = (*by_node.get(name, ()), objects.read_pod(pod))
    return by_node
