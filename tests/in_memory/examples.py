"""Facts and hops to start from: a cluster of two control plane nodes and two workers, before 1.28 -> 1.29."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from kubeadm_upgrade.admission.members import lane_of
from kubeadm_upgrade.assignment import RunId
from kubeadm_upgrade.control_plane import CONTROL_PLANE_COMPONENTS, ControlPlaneFacts
from kubeadm_upgrade.drain.pod import PodFacts
from kubeadm_upgrade.etcd import EtcdFacts, EtcdMember
from kubeadm_upgrade.facts import Backup, BackupFile, Facts, HostFacts, NodeFacts, OsRelease
from kubeadm_upgrade.hop import Hop, Repository, Source
from kubeadm_upgrade.leases import LEADERS, Lease
from kubeadm_upgrade.ledger.ledger import CONTROL_PLANE, WORKER, Holder, Ledger
from kubeadm_upgrade.packages import apt
from kubeadm_upgrade.policy import RolloutPolicy
from kubeadm_upgrade.static_pod import StaticPod
from kubeadm_upgrade.version import Version

OLD, NEW = Version(1, 28, 15), Version(1, 29, 15)
URL = "https://pkgs.k8s.io/core:/stable:/v{}/deb/"

# The run whose tests these are, and two that it is not: one of another Airflow has the very same name.
RUN = RunId("run-1", "https://airflow.example", "2026-11-23T03:00:00+00:00")
EARLIER = RunId("run-0", "https://airflow.example", "2026-11-20T03:00:00+00:00")
NAMESAKE = RunId("run-1", "https://other.example", "2026-11-23T03:00:00+00:00")

NOW = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)
STARTED = NOW - timedelta(minutes=10)  # the old kubelets
LONG_AGO = NOW - timedelta(days=30)


def old_repository() -> Repository:
    return Repository(URL.format("1.28"), URL.format("1.28") + "Release.key")


def a_hop() -> Hop:
    return Hop(
        cluster="prod",
        came_from=OLD,
        to=NEW,
        sources={
            "deb": Source(
                Repository(URL.format("1.29"), URL.format("1.29") + "Release.key"),
                dict.fromkeys(("kubeadm", "kubelet", "kubectl"), "1.29.15-1.1"),
            )
        },
        control_plane=("cp1", "cp2"),
        workers=("w1", "w2"),
    )


def a_ledger(run: RunId = RUN) -> Ledger:
    """Of a cluster that this run has claimed, and that preflight has found nothing about."""
    return Ledger(Holder(run, NOW - timedelta(hours=1), judged=NOW - timedelta(minutes=20)))


def node_of(hop: Hop, name: str) -> NodeFacts:
    return NodeFacts(name, OLD, ready=True, control_plane=name in hop.control_plane, heartbeat=STARTED)


def a_control_plane(hop: Hop, version: Version = OLD) -> ControlPlaneFacts:
    return ControlPlaneFacts(static_pods(hop, version), version, dict.fromkeys(hop.control_plane, True))


def an_etcd(*names: str) -> EtcdFacts:
    """Members of these names, the first of which leads."""
    return EtcdFacts(tuple(EtcdMember(name, leads=name == names[0]) for name in names))


def leaders(holder: str = "somebody") -> tuple[Lease, ...]:
    """Of the controllers and of the schedulers, renewed a moment ago."""
    return tuple(Lease(name, f"{holder}_1", NOW, NOW, timedelta(seconds=1)) for name in LEADERS)


def facts_of(hop: Hop, name: str) -> Facts:
    """The facts of a node before anything has happened, and nothing of them unseen."""
    control_plane = name in hop.control_plane
    packages = dict.fromkeys(("kubeadm", "kubelet", "kubectl"), "1.28.15-1.1")
    companions = {"cri-tools": "1.28.0-1.1", "kubernetes-cni": "1.2.0-2.1"}
    plane, ledger, policy = a_control_plane(hop), a_ledger(), RolloutPolicy()
    group = "control_plane" if control_plane else "workers"
    nodes = [node_of(hop, one) for one in (*hop.control_plane, *hop.workers)]
    return Facts(
        node=node_of(hop, name),
        run=RUN,
        now=NOW,
        policy=policy,
        ledger=ledger,
        host=HostFacts(
            OsRelease("debian", name="Debian GNU/Linux 12 (bookworm)"),
            {**packages, **companions},
            held=frozenset(packages),
            sources={apt.DEFAULT_SOURCE: apt.source_text(apt.DEFAULT_SOURCE, old_repository())},
            keyrings=frozenset({apt.KEYRING}),
            offered={package: (version,) for package, version in packages.items()},
            kubelet_started=STARTED,
            kubelet_age=NOW - STARTED,
            images=frozenset(),
            upgrade_plan=None,
            backups=(),
            loose_snapshot=None,
        ),
        pods=(
            PodFacts("shop", f"web-{name}", "u1", "ReplicaSet"),
            PodFacts("kube-system", f"proxy-{name}", "u2", "DaemonSet"),
            PodFacts("kube-system", f"etcd-{name}", "u3", mirror=True),
        ),
        attached=(),
        to_mark=(),
        control_plane=plane,
        etcd=an_etcd(*hop.control_plane),
        lease=Lease(name, renewed=NOW),
        leaders=leaders(),
        workloads=(),
        query_says="",
        lane=lane_of(group, hop, RUN, policy, nodes, plane, ledger),
    )


def static_pods(hop: Hop, version: Version, created: datetime = LONG_AGO) -> tuple[StaticPod, ...]:
    return tuple(
        StaticPod(component, node, "3.5.9-0" if component == "etcd" else version.tag, ready=True, created=created)
        for node in hop.control_plane
        for component in ("etcd", *CONTROL_PLANE_COMPONENTS)
    )


def on_host(facts: Facts, **changes: object) -> Facts:
    return replace(facts, host=replace(facts.host, **changes))


def with_slot(facts: Facts, run: RunId = RUN) -> Facts:
    """The node may be out of service for this run."""
    lane = CONTROL_PLANE if facts.node.control_plane else WORKER
    return replace(facts, ledger=facts.ledger.taken(facts.node.name, lane, run, facts.now))


def a_backup(name: str = "v1.28.15-to-v1.29.15.1", run: RunId = RUN, age: timedelta = timedelta()) -> Backup:
    """One that is complete."""
    files = (f"/var/backups/kubeadm-fleet/{name}/{file}" for file in ("etcd.db", "etc-kubernetes.tar.gz"))
    return Backup(name, run.unmistakable, tuple(BackupFile(file, 7, age) for file in files))


def with_kubeadm(facts: Facts, hop: Hop) -> Facts:
    """The target kubeadm is installed."""
    return on_host(facts, packages={**facts.host.packages, "kubeadm": hop.sources["deb"].packages["kubeadm"]})


def applied(facts: Facts, hop: Hop) -> Facts:
    """The control plane has moved: all its static Pods, and kubeadm's own record."""
    return replace(facts, control_plane=a_control_plane(hop, hop.to))
