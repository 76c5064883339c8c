"""A whole cluster in memory behind the engine's port: several nodes, a ledger, a clock, people, and whoever watches.

What takes time ends some ticks later. What moves the clock is `tick`; every look and act gives way once, so that
whoever drives several runs may let anything happen between them.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import yaml

from in_memory import states
from in_memory.watch import Watch
from in_memory.world import OneByOne, patched
from kubeadm_upgrade import backup
from kubeadm_upgrade.actions import (
    Action,
    Evict,
    LedgerAction,
    MarkToCome,
    PatchConfigMap,
    PatchNode,
    RepeatPreflight,
    Run,
    TakeClusterAgain,
)
from kubeadm_upgrade.admission.gates import GATES_OF_THE_LANE, why_wait
from kubeadm_upgrade.admission.members import lane_of
from kubeadm_upgrade.assignment import Assignment, RunId
from kubeadm_upgrade.control_plane import CONTROL_PLANE_COMPONENTS, ControlPlaneFacts
from kubeadm_upgrade.drain.node import nodes_to_mark
from kubeadm_upgrade.drain.pod import PodFacts
from kubeadm_upgrade.drain.to_come import with_taint
from kubeadm_upgrade.errors import CommandFailed, NodeGone, ObjectNotFound, PreflightFailed, Unreachable
from kubeadm_upgrade.etcd import EtcdFacts, EtcdMember
from kubeadm_upgrade.facts import (
    PACKAGES,
    Backup,
    BackupFile,
    Facts,
    HostFacts,
    NodeFacts,
    OsRelease,
    UpgradePlan,
)
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.inventory import Cluster as Inventory
from kubeadm_upgrade.leases import LEADERS, Lease
from kubeadm_upgrade.ledger.changes import changed
from kubeadm_upgrade.ledger.ledger import Ledger
from kubeadm_upgrade.local_etcd import LocalEtcd
from kubeadm_upgrade.packages import apt
from kubeadm_upgrade.planning import skew
from kubeadm_upgrade.planning.path import Policy
from kubeadm_upgrade.planning.skew import Component
from kubeadm_upgrade.planning.state import NodeState, State
from kubeadm_upgrade.releases.release import Releases
from kubeadm_upgrade.settings import read_etcd_tag
from kubeadm_upgrade.standing.rules import Standing
from kubeadm_upgrade.static_pod import StaticPod
from kubeadm_upgrade.steps import Need, Step, begun_for_another
from kubeadm_upgrade.units import Unit, is_try, read_tries
from kubeadm_upgrade.version import TargetVersion, Version, in_package

NAME = "prod"
TICK = timedelta(seconds=5)
RUNNING, SUCCEEDED = ("loaded", "active", "running"), ("loaded", "active", "exited")
FAILED = ("loaded", "failed", "failed", "exit-code", 1)
COMPONENTS = ("etcd", *CONTROL_PLANE_COMPONENTS)
DEBIAN = OsRelease("debian", name="Debian GNU/Linux 12 (bookworm)")


def package(version: Version) -> str:
    return f"{version}-1.1"


@dataclass
class StaticPodHere:
    tag: str
    created: datetime
    ready: bool = True


@dataclass
class PodHere:
    owner: str | None
    terminating: bool = False


@dataclass
class UnitHere:
    name: str
    state: tuple[object, ...] = RUNNING
    kubeadm: bool = False


@dataclass(eq=False)
class Node:
    """A machine and its Node. A machine that joins again under an old name is another one."""

    name: str
    control_plane: bool
    kubelet: Version
    packages: dict[str, str]
    kubelet_started: datetime
    configured: Version  # what kubeadm has written the kubelet's configuration for
    held: set[str] = field(default_factory=lambda: set(PACKAGES))
    files: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    offered: dict[str, tuple[str, ...]] = field(default_factory=dict)
    staged: set[str] = field(default_factory=set)
    images: set[str] = field(default_factory=set)
    units: dict[str, UnitHere] = field(default_factory=dict)
    static: dict[str, StaticPodHere] = field(default_factory=dict)
    manifests: dict[str, str] = field(default_factory=dict)  # component -> tag: what the kubelet is to run
    pods: dict[str, PodHere] = field(default_factory=dict)
    unschedulable: bool = False
    annotation: str | None = None
    cordon_is_ours: bool = False
    cordoned_at: datetime | None = None
    taints: tuple[Mapping[str, Any], ...] = ()
    quarantined: bool = False
    ready: bool = True
    down: bool = False  # no power
    settling: bool = False  # its kubelet is not through with its static Pods
    boots: int = 0
    version: int = 1
    at_work: tuple[str, ...] = ()  # kubeadm commands in a person's session
    fail_next: int = 0  # so many units of it fail
    labels: dict[str, str] = field(default_factory=dict)

    @property
    def cordoned_by(self) -> str | None:
        """As objects.read_node reads it: not where somebody else has cordoned it since."""
        return self.annotation if self.cordon_is_ours or not self.unschedulable else None

    @property
    def busy(self) -> bool:
        return any(unit.kubeadm and unit.state == RUNNING for unit in self.units.values())

    @property
    def kubeadm(self) -> Version:
        return Version.of_package(self.packages["kubeadm"])


class Pause:
    """Gives way to whoever drives."""

    def __await__(self) -> Generator[None, None, None]:
        yield


class Cluster:
    """`minors` have repositories; `slow` ticks pass before a unit ends, a Pod is gone, a kubelet is up."""

    def __init__(
        self,
        control_plane: int = 2,
        workers: int = 2,
        at: Version | None = None,
        lag: int = 0,
        slow: int = 0,
        max_unavailable: int = 1,
        workers_per_run: int | None = None,
        policy: Policy | None = None,
        releases: Releases | None = None,
        last: Version | None = None,
    ) -> None:
        self.releases = releases or states.releases()
        self.last = last or Version(1, 34, states.LAST_PATCH)
        self.slow = slow
        self.clock = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
        self.inventory = Inventory(
            *(NAME, "k8s", "ssh", TargetVersion.parse(str(self.last))),
            max_unavailable=max_unavailable,
            workers_per_run=workers_per_run,
            policy=policy or Policy(),
        )
        self.nodes: dict[str, Node] = {}
        self.removed: list[Node] = []
        self.version = at = at or Version(1, 31, 2)
        self.kube_proxy = at
        self.configuration = ""
        self.configuration_version = 1
        self._configure()
        self.ledger = Ledger()
        self.ledger_version = 1
        self._due: list[tuple[int, Callable[[], None]]] = []
        self.ticks = 0
        for number in range(1, control_plane + 1):
            self.add_node(f"cp{number}", control_plane=True)
        for number in range(1, workers + 1):
            self.add_node(f"w{number}", kubelet=Version(1, at.minor - lag, at.patch))
        self.watch = Watch(self)

    # What is so

    def of_kind(self, *, control_plane: bool) -> list[Node]:
        return [node for node in self.nodes.values() if node.control_plane is control_plane]

    def apiservers(self) -> list[Version]:
        nodes = self.of_kind(control_plane=True)
        return [Version.parse(node.static["kube-apiserver"].tag) for node in nodes if "kube-apiserver" in node.static]

    def components(self) -> Iterator[Component]:
        """Whatever runs and has a version."""
        for node in self.nodes.values():
            yield Component(skew.KUBELET, node.name, node.kubelet)
            yield Component(skew.KUBE_PROXY, node.name, self.kube_proxy)
            for name, pod in node.static.items():
                yield Component(name, node.name, Version.parse(pod.tag.partition("-")[0]))

    def published(self, minor: int | None = None) -> dict[str, tuple[str, ...]]:
        """What the repositories of all minor releases offer, or that of one."""
        minors = range(30, self.last.minor + 1) if minor is None else (minor,)
        versions = [Version(1, one, patch) for one in minors for patch in range(states.LAST_PATCH + 1)]
        there = tuple(package(version) for version in versions if version <= self.last)
        return dict.fromkeys(PACKAGES, there)

    def state(self) -> State:
        """As cluster_scene.look_at_state puts it together."""
        tag = read_etcd_tag(self.configuration)
        proxy = {skew.KUBE_PROXY: self.kube_proxy}
        nodes = tuple(
            NodeState(
                name=node.name,
                control_plane=node.control_plane,
                kubelet=node.kubelet,
                components={c.kind: c.version for c in self.components() if c.node == node.name and c.kind != "kubelet"}
                | proxy,
                ready=node.ready,
                schedulable=not node.unschedulable,
                cordoned_by_us=node.cordoned_by is not None,
                holds_slot=node.name in self.ledger.slots,
                labels=node.labels,
            )
            for node in sorted(self.nodes.values(), key=lambda node: node.name)
        )
        return State(
            cluster_version=self.version,
            nodes=nodes,
            published={"deb": self.published()},
            newest={"deb": self.last.release},
            etcd_pinned=tag,
            etcd_pin_is_ours=tag is not None and tag == self.ledger.etcd_pin,
        )

    def control_plane_facts(self) -> ControlPlaneFacts:
        pods = tuple(
            StaticPod(component, node.name, pod.tag, pod.ready, pod.created)
            for node in self.of_kind(control_plane=True)
            for component, pod in node.static.items()
        )
        ready = {node.name: node.ready for node in self.of_kind(control_plane=True)}
        return ControlPlaneFacts(pods, self.version, ready, (), self.configuration, str(self.configuration_version))

    def leaders(self) -> tuple[Lease, ...]:
        """Whoever is up leads at once."""
        return tuple(Lease(name, "somebody_1", self.clock, self.clock, timedelta()) for name in LEADERS)

    def node_facts(self, node: Node) -> NodeFacts:
        return NodeFacts(
            node.name,
            node.kubelet,
            ready=node.ready,
            ready_reason="" if node.ready else "KubeletNotReady",
            heartbeat=self.clock if node.ready else None,
            unschedulable=node.unschedulable,
            cordoned_by=node.cordoned_by,
            cordoned_at=node.cordoned_at,
            control_plane=node.control_plane,
            resource_version=str(node.version),
            taints=node.taints,
            quarantined=node.quarantined,
            labels=node.labels,
        )

    def pods_on(self, node: Node) -> tuple[PodFacts, ...]:
        daemon = PodFacts("kube-system", f"proxy-{node.name}", "u0", "DaemonSet")
        mirrors = (PodFacts("kube-system", f"{name}-{node.name}", "u1", mirror=True) for name in node.static)
        others = (
            PodFacts("shop", name, name, pod.owner, terminating=pod.terminating) for name, pod in node.pods.items()
        )
        return (daemon, *mirrors, *others)

    # Time

    def tick(self) -> None:
        """Some seconds pass, and what is due happens."""
        self.ticks += 1
        self.clock += TICK
        due = [one for one in self._due if one[0] <= self.ticks]
        self._due = [one for one in self._due if one[0] > self.ticks]
        for _, happen in due:
            happen()

    def later(self, ticks: int, happen: Callable[[], None]) -> None:
        self._due.append((self.ticks + max(1, ticks), happen))

    def on(self, node: Node, ticks: int, happen: Callable[[], None]) -> None:
        """Later on this machine, unless it is gone or was without power by then."""
        boots = node.boots

        def if_still_there() -> None:
            if node.boots == boots and self.nodes.get(node.name) is node:
                happen()

        self.later(ticks, if_still_there)

    # The ledger

    def write_ledger(self, ledger: Ledger, looked_at: int) -> bool:
        """Whether it was still as it was looked at."""
        if looked_at != self.ledger_version:
            return False
        self.ledger = ledger
        self.ledger_version += 1
        return True

    def edit_ledger(self, change: Callable[[Ledger], Ledger]) -> None:
        """A person, or a task of a whole run, which tries until it was quick enough."""
        self.write_ledger(change(self.ledger), self.ledger_version)

    # kubeadm, apt and the kubelet

    def start(self, node: Node, run: Run, by: RunId) -> None:
        """systemd-run: a name that is remembered is refused, and the caller attaches."""
        name, argv = str(run.unit), run.argv
        if name in node.units:
            return
        unit = node.units[name] = UnitHere(name, kubeadm=argv[0] == "kubeadm")
        stages = list(self._stages(node, argv))
        fails = node.fail_next > 0
        node.fail_next -= fails
        if fails:
            stages = stages[: self.ticks % (len(stages) + 1)]
        self._go_on(node, unit, stages, by, fails=fails)

    def _go_on(self, node: Node, unit: UnitHere, stages: list[Callable[[], None]], by: RunId, *, fails: bool) -> None:
        def end(state: tuple[object, ...]) -> None:
            unit.state = state
            if state is FAILED and unit.kubeadm:
                self.watch.kubeadm_failed(node)

        def happen() -> None:
            if not stages:
                end(FAILED if fails else SUCCEEDED)
                return
            try:
                stages[0]()
            except CommandFailed:
                end(FAILED)
                return
            self.watch.see(f"{by} on {node.name}")
            self._go_on(node, unit, stages[1:], by, fails=fails)

        self.on(node, 1 + self.slow // 2, happen)

    def _stages(self, node: Node, argv: tuple[str, ...]) -> Iterator[Callable[[], None]]:
        match argv:
            case ("kubeadm", "upgrade", "apply", tag, _):
                yield from self._apply(node, Version.parse(tag))
            case ("kubeadm", "upgrade", "node"):
                yield lambda: self._check_kubeadm_node(node)
                if node.control_plane:
                    yield from self._move(node, lambda: self.version)
                    yield self._addons
                yield lambda: self._configure_kubelet(node, self.version)
            case ("xargs", "-a", path, *_, "crictl", "pull"):
                yield from (partial(node.images.add, image) for image in node.files[path][0].split())
            case _ if "--download-only" in argv:
                yield lambda: self._stage(node, argv)
            case _ if "apt-get" in argv:
                yield lambda: self._install(node, argv)
            case _ if "snapshot" in argv:
                yield lambda: self._snapshot(node)
            case _:
                yield lambda: None

    def _apply(self, node: Node, to: Version) -> Iterator[Callable[[], None]]:
        yield lambda: self._check_kubeadm_apply(node, to)
        yield from self._move(node, lambda: to)
        yield lambda: self._configure(to)
        yield lambda: self._configure_kubelet(node, to)
        yield self._addons

    def _check_kubeadm_apply(self, node: Node, to: Version) -> None:
        self._check_api()
        kubelets = [Component(skew.KUBELET, one.name, one.kubelet) for one in self.nodes.values()]
        cluster = Component("the cluster", "kubeadm-config", self.version)
        kubeadm = Component(skew.KUBEADM, node.name, node.kubeadm)
        if list(skew.kubeadm_violations(kubeadm, cluster, to, kubelets)):
            raise CommandFailed("kubeadm: [upgrade/version] FATAL")

    def _check_kubeadm_node(self, node: Node) -> None:
        self._check_api()
        if node.kubeadm.minor != self.version.minor:
            raise CommandFailed("kubeadm: this version of kubeadm only supports other versions")

    def _check_api(self) -> None:
        if not any(pod.ready for one in self.of_kind(control_plane=True) for pod in self._pods(one, "kube-apiserver")):
            raise CommandFailed("kubeadm: connection refused")

    def _pods(self, node: Node, component: str) -> list[StaticPodHere]:
        return [node.static[component]] if component in node.static else []

    def _move(self, node: Node, to: Callable[[], Version]) -> Iterator[Callable[[], None]]:
        for component in COMPONENTS:
            yield lambda component=component: self._move_pod(node, component, self._tag(component, to()))
            yield lambda: self._all_ready(node)

    def _tag(self, component: str, to: Version) -> str:
        if component != "etcd":
            return to.tag
        return read_etcd_tag(self.configuration) or self.releases.of(to.minor).etcd_of(to.patch)

    def _move_pod(self, node: Node, component: str, tag: str) -> None:
        there = node.manifests[component]
        if component == "etcd" and _etcd(tag) <= _etcd(there):
            return
        if there != tag:
            node.manifests[component] = tag
            node.static[component] = StaticPodHere(tag, self.clock, ready=False)
            self.on(node, 2 + self.slow, lambda: self._all_ready(node))  # whatever becomes of kubeadm

    def _all_ready(self, node: Node) -> None:
        for pod in node.static.values():
            pod.ready = True

    def _configure(self, to: Version | None = None) -> None:
        plain = yaml.safe_load(self.configuration) if self.configuration else {"etcd": {"local": {}}}
        self.version = to or self.version
        self.configuration = yaml.safe_dump({**plain, "kubernetesVersion": self.version.tag})
        self.configuration_version += 1

    def _configure_kubelet(self, node: Node, to: Version) -> None:
        node.configured = to

    def _addons(self) -> None:
        """Since 1.28 kubeadm waits with them for the last control plane node."""
        if set(self.apiservers()) == {self.version}:
            self.kube_proxy = max(self.kube_proxy, self.version)

    def _stage(self, node: Node, argv: tuple[str, ...]) -> None:
        for name, version in self._wanted(node, argv).items():
            node.staged.add(f"{name}_{version}_amd64.deb")

    def _install(self, node: Node, argv: tuple[str, ...]) -> None:
        """apt drops the holds of what it has changed, and goes back nowhere."""
        versions = self._wanted(node, argv)
        node.held -= {name for name, version in versions.items() if node.packages[name] != version}
        node.packages.update(versions)

    def _wanted(self, node: Node, argv: tuple[str, ...]) -> dict[str, str]:
        wanted = dict(word.split("=") for word in argv if word.startswith("kube"))
        for name, version in wanted.items():
            here = Version.of_package(node.packages[name])
            if version not in (*node.offered.get(name, ()), node.packages[name]):
                raise CommandFailed(f"E: Version '{version}' for '{name}' was not found")
            if Version.of_package(version) < here:
                raise CommandFailed("E: Packages were downgraded and -y was used without --allow-downgrades")
        return wanted

    def _snapshot(self, node: Node) -> None:
        if not node.static["etcd"].ready:
            raise CommandFailed("etcdctl: connection refused")
        node.files[LocalEtcd().snapshot] = ("snapshot", self.clock)

    def restart_kubelet(self, node: Node) -> None:
        """One of another minor release makes its static Pods anew, seconds after its Node is Ready."""
        before, node.kubelet = node.kubelet, Version.of_package(node.packages["kubelet"])
        node.kubelet_started, node.ready = self.clock, False
        node.version += 1
        self.on(node, 1 + self.slow, lambda: self._is_ready(node))
        if node.control_plane and before.minor != node.kubelet.minor:
            node.settling = True
            self.on(node, 8 + 3 * self.slow, lambda: self._make_anew(node))

    def _is_ready(self, node: Node) -> None:
        node.ready, node.version = True, node.version + 1

    def _make_anew(self, node: Node) -> None:
        node.static.clear()

        def anew() -> None:
            self._run_manifests(node)
            self.on(node, 1 + self.slow, lambda: self._settle(node))

        self.on(node, 2 + self.slow, anew)

    def _settle(self, node: Node) -> None:
        self._all_ready(node)
        node.settling = False

    def _run_manifests(self, node: Node) -> None:
        for name, tag in node.manifests.items():
            if name not in node.static:
                node.static[name] = StaticPodHere(tag, self.clock, ready=False)

    # People, and what befalls clusters

    def add_node(self, name: str, *, control_plane: bool = False, kubelet: Version | None = None) -> Node:
        kubelet = kubelet or min([self.version, *self.apiservers()])
        source = apt.source_text(apt.DEFAULT_SOURCE, self.inventory.repository(kubelet.release, "deb"))
        node = self.nodes[name] = Node(
            name,
            control_plane,
            kubelet,
            dict.fromkeys(PACKAGES, package(kubelet)),
            kubelet_started=self.clock,
            files={apt.DEFAULT_SOURCE: (source, self.clock), apt.KEYRING: ("key", self.clock)},
            offered=self.published(kubelet.minor),
            configured=self.version,
        )
        if control_plane:
            node.packages["kubeadm"] = package(self.version)
            node.manifests = {name: self._tag(name, self.version) for name in COMPONENTS}
            self._run_manifests(node)
            self._all_ready(node)
        else:
            node.pods = {f"web-{name}-{len(self.removed)}": PodHere("ReplicaSet")}
        return node

    def remove_node(self, name: str) -> None:
        node = self.nodes.pop(name)
        node.boots += 1
        self.removed.append(node)

    def reboot(self, name: str) -> None:
        """Power is lost: units are forgotten, and what they had not done is not done."""
        node = self.nodes[name]
        node.boots += 1
        node.units.clear()
        node.at_work = ()
        node.down, node.ready, node.version = True, False, node.version + 1
        for pod in node.static.values():
            pod.ready = False
        for pod in [pod for pod, here in node.pods.items() if here.terminating]:
            del node.pods[pod]
        self.on(node, 2 + self.slow, lambda: self._boot(node))

    def _boot(self, node: Node) -> None:
        node.down = False
        self._run_manifests(node)
        self._settle(node)
        self.restart_kubelet(node)
        self.watch.see(None)

    def cordon(self, name: str) -> None:
        """A person: kubectl changes nothing on a node that is cordoned."""
        node = self.nodes[name]
        if not node.unschedulable:
            node.unschedulable, node.cordon_is_ours, node.cordoned_at = True, False, self.clock
            node.version += 1

    def uncordon(self, name: str) -> None:
        node = self.nodes[name]
        node.unschedulable, node.cordon_is_ours, node.cordoned_at = False, False, None
        node.version += 1

    def get_sick(self, name: str) -> None:
        self.nodes[name].ready = False
        self.nodes[name].version += 1

    def mend(self) -> None:
        """People make well what is not."""
        for node in self.nodes.values():
            node.fail_next, node.at_work = 0, ()
            if not node.down and not node.ready:
                self._is_ready(node)

    def finish_by_hand(self, name: str) -> None:
        """A person sees that kubeadm has failed, does what it has not, and has systemd forget it."""
        node = self.nodes[name]
        for unit in [unit for unit, here in node.units.items() if here.kubeadm and here.state == FAILED]:
            del node.units[unit]
        node.configured = self.version
        self.watch.cleared(name)

    def move_by_hand(self, name: str, to: Version) -> None:
        """A person goes through the page on one node, and knows what they do."""
        node = self.nodes[name]
        if node.control_plane:
            for component in COMPONENTS:
                self._move_pod(node, component, self._tag(component, to))
            self._all_ready(node)
            if self.version < to:
                self._configure(to)
            self._addons()
        newest = min([to, *self.apiservers()])
        there = to if node.control_plane else newest
        node.configured = max(there, node.configured)
        if newest > node.kubelet:
            node.packages.update(dict.fromkeys(("kubelet", "kubectl"), package(newest)))
            self._restart_by_hand(node, newest)
        node.packages["kubeadm"] = package(max(to if node.control_plane else newest, node.kubeadm))
        repository = self.inventory.repository(node.kubeadm.release, "deb")
        node.files[apt.DEFAULT_SOURCE] = (apt.source_text(apt.DEFAULT_SOURCE, repository), self.clock)
        node.offered = self.published(node.kubeadm.minor)
        self.watch.see(None)

    def _restart_by_hand(self, node: Node, to: Version) -> None:
        node.kubelet, node.kubelet_started = to, self.clock
        for pod in node.static.values():
            pod.created = self.clock
        node.version += 1


class Seat(OneByOne):
    """The engine's port: one run at one node."""

    def __init__(self, cluster: Cluster, work: Assignment) -> None:
        self.cluster, self.work = cluster, work
        self._ledger, self._ledger_version = Ledger(), 0
        self._seen: NodeFacts | None = None
        self._host: Node | None = None

    async def look(self, step: Step) -> Facts:
        facts = self._look(step)
        await Pause()
        return facts

    async def standing(self, action: Action) -> Standing:
        """With what comes after it it is one: between the two there is always a moment, and never a better one."""
        self._check_api()
        cluster = self.cluster
        node = self._seen or self._look_at_node()
        at_work: tuple[str, ...] = ()
        if isinstance(action, Run):
            host = self._at_host()
            at_work = (*host.at_work, *(("kubeadm upgrade",) if host.busy else ()))
        control_plane = replace(cluster.control_plane_facts(), nodes_ready={})
        return Standing(
            self.work.run,
            self.work.node,
            self.work.hop,
            cluster.ledger,
            control_plane.newest,
            node.kubelet,
            at_work,
            action=action,
            group=self.work.group,
            step=self.work.step,
            cordoned_by_us=node.cordoned_by is not None,
            moved=not control_plane.at(node.name, self.work.hop.came_from),
            calendar=cluster.inventory.calendar,
            now=cluster.clock,
        )

    async def act(self, action: Action) -> str | None:
        obstacle = self._act(action)
        if not isinstance(action, Evict | TakeClusterAgain):  # one act with what comes after it
            await Pause()
        return obstacle

    def _look(self, step: Step) -> Facts:
        self._check_api()
        cluster = self.cluster
        self._ledger, self._ledger_version = cluster.ledger, cluster.ledger_version
        self._seen = node = self._look_at_node()
        cluster.watch.looked(self.work)
        facts = Facts(node, self.work.run, cluster.clock, policy=cluster.inventory.rollout, ledger=self._ledger)
        facts = replace(facts, units=self._units(step, facts))
        if any(unit.running for unit in facts.units.values()):
            return facts
        return self._look_further(facts, step.needs)

    def _look_at_node(self) -> NodeFacts:
        if self.work.node not in self.cluster.nodes:
            raise NodeGone(self.work.node)
        return self.cluster.node_facts(self.cluster.nodes[self.work.node])

    def _look_further(self, facts: Facts, needs: frozenset[Need]) -> Facts:
        cluster = self.cluster
        if Need.LANE in needs:
            nodes = [cluster.node_facts(node) for node in cluster.nodes.values()]
            lane = lane_of(
                self.work.group,
                self.work.hop,
                self.work.run,
                cluster.inventory.rollout,
                nodes,
                cluster.control_plane_facts(),
                self._ledger,
            )
            facts = replace(facts, lane=lane)
        waits = Need.LANE in needs and why_wait(facts, self.work.hop, GATES_OF_THE_LANE) is not None
        if not waits:
            facts = self._look_at_the_others(facts, needs)
        if Need.LEASE in needs:
            node = cluster.nodes[self.work.node]
            renewed = cluster.clock if node.ready else node.kubelet_started - TICK
            facts = replace(facts, lease=Lease(node.name, renewed=renewed))
        if Need.HOST in needs:
            facts = replace(facts, host=self._look_at_host(needs))
        if Need.PODS in needs:
            facts = replace(facts, pods=cluster.pods_on(cluster.nodes[self.work.node]))
        if Need.VOLUMES in needs:
            facts = replace(facts, attached=())
        if Need.TO_COME in needs:
            nodes = map(cluster.node_facts, cluster.nodes.values())
            facts = replace(facts, to_mark=nodes_to_mark(self.work, nodes, self._ledger))
        return facts

    def _look_at_the_others(self, facts: Facts, needs: frozenset[Need]) -> Facts:
        if Need.CONTROL_PLANE in needs:
            facts = replace(facts, control_plane=self.cluster.control_plane_facts())
        if Need.ETCD in needs and facts.node.control_plane:
            facts = replace(facts, etcd=self._etcd())
        if Need.LEADERS in needs and self.work.group != "control_plane":
            facts = replace(facts, leaders=self.cluster.leaders())
        return facts

    def _check_api(self) -> None:
        try:
            self.cluster._check_api()
        except CommandFailed as error:
            raise Unreachable(str(error)) from error

    def _at_host(self) -> Node:
        """Who has left the cluster may still be there over SSH, but nobody promises it."""
        node = self.cluster.nodes.get(self.work.node)
        if node is None or node.down:
            raise Unreachable(f"{self.work.node} does not answer")
        return node

    def _units(self, step: Step, facts: Facts) -> dict[str, Unit]:
        base = step.unit(self.work.hop)
        if base is None:
            return {}
        host = self._at_host()
        tries = (f"{name}.service loaded active exited x" for name in host.units if is_try(name, base))
        left = begun_for_another(step, facts, self.work.hop)
        found = {base: read_tries("\n".join(tries)), left: left if left in host.units else None}
        return {name: _unit(host.units[one]) for name, one in found.items() if one}

    def _etcd(self) -> EtcdFacts:
        self._at_host()
        pods = [
            (node.name, node.static["etcd"])
            for node in self.cluster.of_kind(control_plane=True)
            if "etcd" in node.static
        ]
        names = [node.name for node in self.cluster.of_kind(control_plane=True)]
        ready = {name for name, pod in pods if pod.ready}
        if not ready:
            return EtcdFacts()
        leader = min(ready)
        return EtcdFacts(tuple(EtcdMember(name, healthy=name in ready, leads=name == leader) for name in names))

    def _look_at_host(self, needs: frozenset[Need]) -> HostFacts:
        host, cluster, hop = self._at_host(), self.cluster, self.work.hop
        facts = HostFacts(
            DEBIAN,
            dict(host.packages),
            held=frozenset(host.held),
            sources={path: text for path, (text, _) in host.files.items() if path.startswith(apt.SOURCES)},
            keyrings=frozenset(path for path in host.files if path == apt.KEYRING),
            offered=dict(host.offered),
            staged=frozenset(host.staged),
            kubelet_started=host.kubelet_started,
            kubelet_age=cluster.clock - host.kubelet_started,
            kubelet_outdated=in_package(host.packages["kubelet"]) != host.kubelet,
        )
        if Need.UPGRADE_PLAN in needs:
            able = host.packages["kubeadm"] == package(hop.to) and cluster.version != hop.to
            offers = (hop.to.tag,) if hop.to > cluster.version else ()
            facts = replace(facts, upgrade_plan=UpgradePlan(offers) if able else None)
        if Need.IMAGES in needs:
            facts = replace(facts, images=frozenset(host.images))
        if Need.BACKUPS in needs:
            facts = replace(facts, backups=self._backups(host), loose_snapshot=self._age(host, LocalEtcd().snapshot))
        return facts

    def _backups(self, host: Node) -> tuple[Backup, ...]:
        found = []
        for path, (run, _) in sorted(host.files.items()):
            if not path.startswith(backup.DIRECTORY) or not path.endswith("/run"):
                continue
            folder = path.removesuffix("/run")
            ours = run == self.work.run.unmistakable
            files = [f"{folder}/{name}" for name in (backup.SNAPSHOT, backup.ARCHIVE)]
            there = tuple(BackupFile(file, 7, self._age(host, file)) for file in files if file in host.files and ours)
            begun = self._age(host, path) or timedelta()
            found.append(Backup(folder.rsplit("/", 1)[-1], run, there, begun))
        return tuple(found)

    def _age(self, host: Node, path: str) -> timedelta | None:
        return self.cluster.clock - host.files[path][1] if path in host.files else None

    def _act(self, action: Action) -> str | None:
        cluster = self.cluster
        if not isinstance(action, Run):
            self._check_api()
        cluster.watch.before(self.work, action)
        match action:
            case Run():
                self._run(action)
            case PatchNode() | MarkToCome():
                return self._on_nodes(action)
            case PatchConfigMap(patch=patch):
                if patch["metadata"]["resourceVersion"] != str(cluster.configuration_version):
                    return "somebody else changed it meanwhile"
                cluster.configuration = patch["data"]["ClusterConfiguration"]
                cluster.configuration_version += 1
            case Evict(pod=pod):
                return self._evict(pod)
            case RepeatPreflight():
                self._repeat_preflight()
            case _:
                return self._change_ledger(action)
        cluster.watch.see(str(self.work.run))
        return None

    def _change_ledger(self, action: LedgerAction) -> str | None:
        ledger = changed(self._ledger, action, self.work.run, self.cluster.clock)
        if ledger == self._ledger:
            return None
        if not self.cluster.write_ledger(ledger, self._ledger_version):
            return "somebody else changed it meanwhile"
        self._ledger, self._ledger_version = ledger, self.cluster.ledger_version
        self.cluster.watch.changed_ledger(self.work, action)
        return None

    def _repeat_preflight(self) -> None:
        if sentences := judge(self.cluster, self.work.hop):
            raise PreflightFailed("; ".join(sentences))
        if self.cluster.ledger.is_held_by(self.work.run):
            self.cluster.edit_ledger(lambda ledger: ledger.judged(self.cluster.clock))

    def _on_nodes(self, action: PatchNode | MarkToCome) -> str | None:
        if isinstance(action, PatchNode):
            return self._patch_node(action)
        for node in (self.cluster.nodes[name] for name in action.nodes if name in self.cluster.nodes):
            node.taints, node.version = tuple(with_taint(node.taints)), node.version + 1
        return None

    def _patch_node(self, action: PatchNode) -> str | None:
        node = self.cluster.nodes.get(action.node)
        if node is None:
            raise ObjectNotFound(action.node)
        if action.patch["metadata"]["resourceVersion"] != str(node.version):
            return "somebody else changed it meanwhile"
        found = patched(self.cluster.node_facts(node), action.patch)
        node.taints, node.quarantined = found.get("taints", node.taints), found.get("quarantined", node.quarantined)
        if "unschedulable" in found:
            node.annotation, node.unschedulable = found["cordoned_by"], found["unschedulable"]
            node.cordon_is_ours = node.unschedulable
            node.cordoned_at = self.cluster.clock if node.unschedulable else None
        node.version += 1
        return None

    def _evict(self, pod: str) -> str | None:
        """A budget lets one Pod of them be missing at a time."""
        cluster = self.cluster
        if any(here.terminating for node in cluster.nodes.values() for here in node.pods.values()):
            return f"pod {pod} may not be evicted yet"
        node = cluster.nodes.get(self.work.node)
        if node is None or pod not in node.pods:
            return None
        node.pods[pod].terminating = True

        def gone() -> None:
            del node.pods[pod]
            others = [one for one in cluster.of_kind(control_plane=False) if not one.unschedulable and one.ready]
            if others:
                name = f"{pod.partition('+')[0]}+{cluster.ticks}"
                min(others, key=lambda one: len(one.pods)).pods[name] = PodHere("ReplicaSet")

        cluster.on(node, 1 + cluster.slow, gone)
        return None

    def _run(self, run: Run) -> None:
        host = self._at_host()
        if run.unit:
            self.cluster.start(host, run, self.work.run)
        elif run.argv[0] in ("dd", "mv", "/usr/lib/apt/apt-helper", "tar"):
            self._write_file(host, run)
        else:
            self._run_tool(host, run)

    def _write_file(self, host: Node, run: Run) -> None:
        now = self.cluster.clock
        match run.argv:
            case ("dd", of, *_):
                host.files[of.removeprefix("of=")] = (str(run.stdin), now)
            case ("mv", "-f", source, target):
                if source not in host.files:
                    raise CommandFailed(f"mv: cannot stat '{source}'")
                host.files[target] = host.files.pop(source)
            case _:
                host.files[next(word for word in run.argv if word.endswith((".new", ".part")))] = ("", now)

    def _run_tool(self, host: Node, run: Run) -> None:
        match run.argv:
            case (*_, "snapshot", "status", _, _, _) if LocalEtcd().snapshot not in host.files:
                raise CommandFailed("etcdutl: no such file")
            case ("apt-get", "update", *_):
                text = host.files[apt.DEFAULT_SOURCE][0]
                host.offered = self.cluster.published(int(text.partition("/v1.")[2].partition("/")[0]))
            case ("apt-mark", "hold", *names):
                host.held.update(names)
            case ("systemctl", "restart", "kubelet"):
                self.cluster.restart_kubelet(host)


def judge(cluster: Cluster, hop: Hop) -> list[str]:
    """Preflight, as far as this cluster can fail it."""
    concerned = {*hop.control_plane, *hop.workers} - cluster.ledger.given_up.keys()
    sick = [
        f"{name} is not Ready" for name in sorted(concerned & cluster.nodes.keys()) if not cluster.nodes[name].ready
    ]
    return [*cluster.control_plane_facts().ailing, *sick]


def _unit(here: UnitHere) -> Unit:
    return Unit(here.name, *here.state, journal="it said so")  # type: ignore[arg-type]


def _etcd(tag: str) -> Version:
    return Version.parse(tag.partition("-")[0])
