"""Facts and hops to start from: a cluster of two control plane nodes and two workers, before 1.28 -> 1.29."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from kubeadm_upgrade.slots import CONTROL_PLANE, WORKER, Lane, Member

from kubeadm_upgrade.facts import (
    CONTROL_PLANE_COMPONENTS,
    ControlPlaneFacts,
    Facts,
    HostFacts,
    NodeFacts,
    OsRelease,
    PodFacts,
    StaticPod,
)
from kubeadm_upgrade.hop import Hop, Repository, Source
from kubeadm_upgrade.packages import apt
from kubeadm_upgrade.version import Version

OLD, NEW = Version(1, 28, 15), Version(1, 29, 15)
URL = "https://pkgs.k8s.io/core:/stable:/v{}/deb/"


def old_repository() -> Repository:
    return Repository(URL.format("1.28"), URL.format("1.28") + "Release.key")


def a_hop() -> Hop:
    return Hop(
        cluster="prod",
        run="run-1",
        came_from=OLD,
        to=NEW,
        sources={
            "deb": Source(
                Repository(URL.format("1.29"), URL.format("1.29") + "Release.key"),
                dict.fromkeys(("kubeadm", "kubelet", "kubectl"), "1.29.15-1.1"),
            )
        },
        first="cp1",
        control_plane=("cp1", "cp2"),
        workers=("w1", "w2"),
        max_unavailable=1,
    )


def facts_of(hop: Hop, name: str) -> Facts:
    """The facts of a node before anything has happened."""
    control_plane = name in hop.control_plane
    lane, order = (CONTROL_PLANE, hop.control_plane) if control_plane else (WORKER, hop.workers)
    packages = dict.fromkeys(("kubeadm", "kubelet", "kubectl"), "1.28.15-1.1")
    companions = {"cri-tools": "1.28.0-1.1", "kubernetes-cni": "1.2.0-2.1"}
    sources = {apt.DEFAULT_SOURCE: apt.source_text(apt.DEFAULT_SOURCE, old_repository())}
    started = datetime(2026, 11, 23, 3, 50, tzinfo=UTC)
    return Facts(
        node=NodeFacts(name, OLD, ready=True, control_plane=control_plane, heartbeat=started),
        host=HostFacts(
            OsRelease("debian", name="Debian GNU/Linux 12 (bookworm)"),
            {**packages, **companions},
            held=frozenset(packages),
            sources=sources,
            keyrings=frozenset({apt.KEYRING}),
            offered={package: (version,) for package, version in packages.items()},
            kubelet_started=started,
        ),
        pods=(
            PodFacts("shop", f"web-{name}", "u1", "ReplicaSet"),
            PodFacts("kube-system", f"proxy-{name}", "u2", "DaemonSet"),
            PodFacts("kube-system", f"etcd-{name}", "u3", mirror=True),
        ),
        control_plane=ControlPlaneFacts(static_pods(hop, OLD), OLD, dict.fromkeys(hop.control_plane, True)),
        lane=Lane(lane, 1, order, dict.fromkeys(order, Member(finished=False, available=True))),
    )


def static_pods(hop: Hop, version: Version) -> tuple[StaticPod, ...]:
    return tuple(
        StaticPod(component, node, "3.5.9-0" if component == "etcd" else version.tag, ready=True)
        for node in hop.control_plane
        for component in ("etcd", *CONTROL_PLANE_COMPONENTS)
    )


def on_host(facts: Facts, **changes: object) -> Facts:
    return replace(facts, host=replace(facts.host, **changes))
