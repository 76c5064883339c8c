"""Checks of the cluster as its API shows it, and of what the hop means for it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import starmap

from kubeadm_upgrade.checks.scene import Scene
from kubeadm_upgrade.drain.filters import objections
from kubeadm_upgrade.planning.node_refusals import in_the_way
from kubeadm_upgrade.planning.removals import control_plane_findings, kubelet_findings, manifest_findings
from kubeadm_upgrade.releases.release import Phase
from kubeadm_upgrade.roles import without_label, without_static_pods
from kubeadm_upgrade.settings import read_cluster_configuration


def api_ready(scene: Scene) -> Iterator[str]:
    """The control plane is healthy: every static Pod Ready, every readyz check passing."""
    for sentence in scene.control_plane.ailing_but_for(scene.control_plane.without_static_pods):
        yield f"{sentence}: mend it first"


def roles_agree(scene: Scene) -> Iterator[str]:
    """Whoever is labelled as a control plane node runs one, and nobody else does."""
    plane = scene.control_plane
    yield from starmap(without_label, plane.unlabelled.items())
    yield from map(without_static_pods, sorted(plane.without_static_pods))


def versions_known(scene: Scene) -> Iterator[str]:
    """Every static Pod of the control plane runs an image whose tag says which version it is."""
    yield from scene.control_plane.unversioned


def nodes_ready(scene: Scene) -> Iterator[str]:
    """Every node of this run is Ready."""
    for node in scene.concerned:
        if not node.ready:
            way = "mend it" if node.control_plane else "mend it, or leave it out with the parameter give_up"
            yield f"{node.name} is not Ready ({node.why_not_ready}): {way}"


def drain_allowed(scene: Scene) -> Iterator[str]:
    """No Pod on a node of this run forbids its drain."""
    for node in scene.concerned:
        if node.kubelet != scene.hop.to:
            for objection in objections(scene.pods.get(node.name, ()), scene.policy.drain):
                yield f"{node.name}: {objection}"


def etcd_on_control_plane(scene: Scene) -> Iterator[str]:
    """etcd runs as static Pods on the control plane nodes, where it can be backed up."""
    members = {pod.node for pod in scene.control_plane.static_pods if pod.component == "etcd"}
    for name in scene.hop.control_plane:
        if name not in members | scene.control_plane.without_static_pods:
            yield f"{name} runs no etcd as a static Pod: a snapshot of an external etcd is not supported yet"


def settings_still_known(scene: Scene) -> Iterator[str]:
    """No component is started with a flag, feature gate or admission plugin that is gone in its new version."""
    hop = scene.hop
    told = read_cluster_configuration(scene.control_plane.configuration)
    yield from control_plane_findings(told, scene.releases, hop.came_from, hop.to)
    for node in scene.concerned:
        if node.name in scene.hosts:
            settings = {node.name: scene.hosts[node.name].settings}
            yield from kubelet_findings(settings, scene.releases, node.kubelet, hop.to)


def manifests_explained(scene: Scene) -> Iterator[str]:
    """Nothing that the control plane is started with would be left out of the manifests that kubeadm writes anew."""
    plane = scene.control_plane
    moving = {node.name for node in scene.concerned if node.control_plane and scene.is_to_move(node)}
    told = read_cluster_configuration(plane.configuration, plane.static_pods)
    yield from manifest_findings(told, scene.releases, scene.hop.to, moving, scene.policy.drop_flags)


def release_supported(scene: Scene) -> Iterator[str]:
    """The release in which the path ends is still supported."""
    to = scene.hop.to
    if not scene.hop.ends_path:
        return
    if to.minor not in scene.releases:
        yield f"it is not known how long Kubernetes {to.release} is supported: see its release page"
    elif (release := scene.releases.of(to.minor)).phase(scene.today) is Phase.ENDED:
        ended = release.support.end_of_life
        yield f"Kubernetes {to.release} has had no fixes since {ended}: go on to a supported minor release soon"


def cordoned_before(scene: Scene) -> Iterator[str]:
    """No node was taken out of service by somebody else."""
    for node in scene.nodes:
        if node.unschedulable and node.cordoned_by is None:
            yield f"{node.name} was cordoned before this run; it stays so, and is not counted before its own turn"


def outsiders_let_apply(scene: Scene) -> Iterator[str]:
    """No Node that is left as it is keeps kubeadm from applying; one may have joined since the plan."""
    if scene.control_plane.cluster_version != scene.hop.to:
        yield from filter(None, (in_the_way(outsider, scene.hop.to) for outsider in scene.outsiders))


def outsiders_left_out(scene: Scene) -> Iterator[str]:
    """Every Node of the cluster is one that this tool can upgrade."""
    yield from (outsider.note for outsider in scene.outsiders)
