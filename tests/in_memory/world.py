"""A node in memory behind the engine's port: every action has its effect, some only after a while.

It is as strict as what it stands for: systemd refuses a name that it remembers, the ledger a change over what was not
looked at, apt what is held. And what a step's `needs` do not name is UNSEEN in what a look returns, as it is for the
real port: so whatever runs over this world is a test of `needs` as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from kubeadm_upgrade import backup, queries, units
from kubeadm_upgrade.actions import (
    CORDONED_BY,
    Action,
    Evict,
    EvictOrDelete,
    LedgerAction,
    MarkToCome,
    PatchConfigMap,
    PatchNode,
    RepeatPreflight,
    Run,
)
from kubeadm_upgrade.admission.gates import GATES_OF_THE_LANE, why_wait
from kubeadm_upgrade.admission.lane import Lane
from kubeadm_upgrade.admission.members import lane_of
from kubeadm_upgrade.drain.filters import leaving
from kubeadm_upgrade.drain.quarantine import LABEL
from kubeadm_upgrade.errors import NodeGone
from kubeadm_upgrade.facts import Backup, Facts, HostFacts, NodeFacts, UpgradePlan
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.leases import Lease
from kubeadm_upgrade.ledger.changes import changed
from kubeadm_upgrade.ledger.ledger import Ledger
from kubeadm_upgrade.local_etcd import LocalEtcd
from kubeadm_upgrade.packages import apt
from kubeadm_upgrade.standing.rules import Standing
from kubeadm_upgrade.static_pod import StaticPod
from kubeadm_upgrade.steps import Need, Step, begun_for_another
from kubeadm_upgrade.units import Unit
from kubeadm_upgrade.unseen import UNSEEN

CONFLICT = "somebody else changed it meanwhile"
JOURNAL = "Started x.service - x.\n[upgrade] going on\nfatal: no space left"
RUNNING = Unit("", "loaded", "active", "running")
SUCCEEDED = Unit("", "loaded", "active", "exited")
FAILED = Unit("", "loaded", "failed", "failed", "exit-code", 1, journal=JOURNAL)


def remembered(name: str, unit: Unit) -> dict[str, Unit]:
    """As `facts.units` has it: by the step's name for it, which may not be that of its newest try."""
    return {name.partition(".try-")[0]: replace(unit, name=name)}


def patched(node: NodeFacts, patch: Mapping[str, Any]) -> dict[str, Any]:
    """What a merge patch makes of what is ours of a Node."""
    spec, metadata = patch.get("spec", {}), patch["metadata"]
    found: dict[str, Any] = {"quarantined": metadata["labels"][LABEL] is not None} if "labels" in metadata else {}
    found |= {"taints": tuple(spec["taints"] or ())} if "taints" in spec else {}
    found |= {"unschedulable": bool(spec["unschedulable"])} if "unschedulable" in spec else {}
    return found | ({"cordoned_by": metadata["annotations"][CORDONED_BY]} if "annotations" in metadata else {})


class Crash(Exception):
    """Whoever was looking or acting died."""


class OneByOne:
    """What a port does side by side, in a world that has one thread: one after the other."""

    async def act(self, action: Action) -> str | None:
        raise NotImplementedError

    async def act_side_by_side(self, actions: tuple[Action, ...]) -> list[str | None]:
        return [await self.act(action) for action in actions]


class World(OneByOne):
    """One node, and what it sees of the others. `slow` looks pass before a unit ends or a Pod is gone."""

    def __init__(self, facts: Facts, hop: Hop, slow: int = 0) -> None:
        self.facts, self.hop, self.slow = facts, hop, slow
        self.group = "control_plane" if facts.node.control_plane else "workers"
        self.step = ""  # the one that has looked last
        self.others: dict[str, NodeFacts] = {}
        self.log: list[Action] = []
        self.units: dict[str, Unit] = {unit.name: unit for unit in facts.units.values()}
        self.running: dict[str, tuple[tuple[str, ...], int]] = {}
        self.leaving: dict[str, int] = {}
        self.at_work: tuple[str, ...] = ()  # kubeadm commands of somebody else's
        self.gone = False
        self.crash_in = -1  # so many looks and acts from now; never when negative
        self.fail_next: set[str] = set()  # names of steps' units, whatever try it is
        self.fail_late: set[str] = set()  # those that do all that can be seen of them, and fail then
        self.lost_holds: set[str] = set()  # in installs that failed half way
        self.runs: dict[str, str] = {}  # `run` files of backups
        self.files: dict[str, tuple[int, datetime]] = {}  # path -> bytes, and when it was changed
        self.texts: dict[str, str] = {}  # of files that are neither sources of packages nor backups
        self.unpublished: set[str] = set()  # images that cannot be pulled
        self._backups_of(facts.host)
        self._looked_at: Ledger = facts.ledger
        self._anew: list[str] = []  # what is still to come of a kubelet's restart, a look at a time

    # the port

    async def look(self, step: Step) -> Facts:
        self._maybe_crash()
        self._later()
        self._looked_at, self.step = self.facts.ledger, step.name
        if self.gone:
            raise NodeGone(self.facts.node.name)
        facts = replace(self.facts, units=self._units_of(step, self.facts), lane=self.lane(self.group))
        if any(unit.running for unit in facts.units.values()):
            looks = ("host", "pods", "attached", "to_mark", "control_plane", "etcd", "lane", "lease", "leaders")
            unseen = dict.fromkeys(looks, UNSEEN)
            return replace(facts, **unseen)
        return self._seen(facts, step.needs)

    async def standing(self, action: Action) -> Standing:
        facts = self.facts
        newest, kubelet = facts.control_plane.newest, facts.node.kubelet
        at_work = self.at_work if isinstance(action, Run) else ()
        return Standing(
            facts.run,
            facts.node.name,
            self.hop,
            facts.ledger,
            newest,
            kubelet,
            at_work,
            action=action,
            group=self.group,
            step=self.step,
            cordoned_by_us=facts.node.cordoned_by is not None,
            moved=not facts.control_plane.at(facts.node.name, self.hop.came_from),
            calendar=facts.policy.calendar,
            now=facts.now,
        )

    async def act(self, action: Action) -> str | None:
        self._maybe_crash()
        self.log.append(action)
        obstacle = None
        match action:
            case Run(unit=str(name)):
                self._start(name, action.argv)
            case Run():
                self._run(action.argv, action.stdin)
            case PatchNode(patch=patch):
                self._node(**patched(self.facts.node, patch))
            case MarkToCome():
                self.facts = replace(self.facts, to_mark=())
            case PatchConfigMap(patch=patch):
                self._plane(configuration=patch["data"]["ClusterConfiguration"])
            case Evict(pod=pod) | EvictOrDelete(pod=pod):
                gone = tuple(replace(p, terminating=True) if p.name == pod else p for p in self.facts.pods)
                self.facts = replace(self.facts, pods=gone)
                self.leaving[pod] = self.slow
            case RepeatPreflight():
                self.facts = replace(self.facts, ledger=self.facts.ledger.judged(self.facts.now))
            case _:
                obstacle = self._change_ledger(action)
        self._maybe_crash()
        return obstacle

    # what tests ask, and do by hand

    @property
    def commands(self) -> list[str]:
        return [str(action) for action in self.log if isinstance(action, Run)]

    def started(self, unit: str) -> int:
        """How often a unit was really started, under whatever name."""
        names = (action.unit for action in self.log if isinstance(action, Run) and action.unit)
        return sum(name.partition(".try-")[0] == unit for name in names)

    def enter(self, group: str) -> None:
        """The group's turn: whatever comes before it in a run has been done to all other nodes."""
        self.group = group
        here, plane = self.facts.node.name, self.facts.control_plane
        if group in ("control_plane_kubelets", "workers"):
            pods = tuple(
                replace(pod, image_tag=self.hop.to.tag) if pod.node != here and pod.component != "etcd" else pod
                for pod in plane.static_pods
            )
            self._plane(static_pods=pods)

    def lose_power(self) -> None:
        """What ran ends without an effect, and systemd remembers nothing."""
        self.units.clear()
        self.running.clear()

    def later(self, time: timedelta) -> None:
        self.facts = replace(self.facts, now=self.facts.now + time)

    def everything(self) -> Facts:
        """What a rehearsal looks at, before anything of it has happened."""
        known = [unit for name, unit in self.units.items() if ".try-" not in name]
        newest = {unit.name: self._newest(unit.name) for unit in known}
        host = self._host_seen(frozenset(Need))
        return replace(self.facts, units=newest, host=host, lane=self.lane(self.group))

    # looking

    def _seen(self, facts: Facts, needs: frozenset[Need]) -> Facts:
        """As the port has it: also whoever waits in its lane does not ask how the control plane is."""
        waits = Need.LANE in needs and why_wait(facts, self.hop, GATES_OF_THE_LANE) is not None
        asks = Need.ETCD in needs and not waits and facts.node.control_plane
        return replace(
            facts,
            lane=facts.lane if Need.LANE in needs else UNSEEN,
            pods=facts.pods if Need.PODS in needs else UNSEEN,
            attached=facts.attached if Need.VOLUMES in needs else UNSEEN,
            to_mark=facts.to_mark if Need.TO_COME in needs else UNSEEN,
            control_plane=facts.control_plane if Need.CONTROL_PLANE in needs and not waits else UNSEEN,
            etcd=facts.etcd if asks else UNSEEN,
            lease=facts.lease if Need.LEASE in needs else UNSEEN,
            workloads=facts.workloads if Need.HEALTH in needs and not waits else UNSEEN,
            query_says=facts.query_says if Need.HEALTH in needs and not waits else UNSEEN,
            leaders=facts.leaders if Need.LEADERS in needs and not waits and self.group != "control_plane" else UNSEEN,
            host=self._host_seen(needs) if Need.HOST in needs else UNSEEN,
        )

    def _host_seen(self, needs: frozenset[Need]) -> HostFacts:
        host, started = self.facts.host, self.facts.host.kubelet_started
        asked = Need.BACKUPS in needs
        return replace(
            host,
            kubelet_age=self.facts.now - started if started else None,
            upgrade_plan=self._upgrade_plan() if Need.UPGRADE_PLAN in needs else UNSEEN,
            images=host.images if Need.IMAGES in needs else UNSEEN,
            backups=self.backups() if asked else UNSEEN,
            loose_snapshot=self._age_of(LocalEtcd().snapshot) if asked else UNSEEN,
        )

    def _upgrade_plan(self) -> UpgradePlan | None:
        """kubeadm asks the apiserver that it reaches how old it is."""
        facts, to = self.facts, self.hop.to
        if facts.host.packages.get("kubeadm") != self.hop.sources["deb"].packages["kubeadm"]:
            return None
        moved = to in facts.control_plane.versions("kube-apiserver").values()
        return UpgradePlan(() if moved else (to.tag,)) if facts.control_plane.cluster_version != to else None

    def backups(self) -> tuple[Backup, ...]:
        """By the product's own looks: of this run's directories, the files that these name."""
        runs = {path: run for path, run in self.runs.items() if path.endswith("/run")}
        ours = [path.split("/")[-2] for path, run in runs.items() if run == self.facts.run.unmistakable]
        asked = [word for name in ours for word in queries.backup_files(name).run.argv if word in self.files]
        stats = {path: (size, changed.timestamp()) for path in asked for size, changed in [self.files[path]]}
        return queries.backups(runs, stats, {}, self.facts.now.timestamp())

    def _age_of(self, path: str) -> timedelta | None:
        return self.facts.now - self.files[path][1] if path in self.files else None

    def lane(self, group: str) -> Lane:
        facts = self.facts
        nodes = [self.others.get(name, facts.node) for name in (*self.others, facts.node.name)]
        return lane_of(group, self.hop, facts.run, facts.policy, nodes, facts.control_plane, facts.ledger)

    def _units_of(self, step: Step, facts: Facts) -> dict[str, Unit]:
        base = step.unit(self.hop)
        left = begun_for_another(step, facts, self.hop)
        found = {str(base): self._newest(base) if base else None, left: self.units.get(left)}
        return {name: unit for name, unit in found.items() if unit}

    def _newest(self, base: str) -> Unit | None:
        listed = (f"{name}.service loaded active exited x" for name in self.units if units.is_try(name, base))
        newest = units.read_tries("\n".join(listed))
        return self.units[newest] if newest else None

    # what happens by itself

    def _later(self) -> None:
        self.later(timedelta(seconds=1))
        for name, (argv, left) in list(self.running.items()):
            if left:
                self.running[name] = (argv, left - 1)
            else:
                del self.running[name]
                self._end_unit(name, argv)
        for pod, left in list(self.leaving.items()):
            self.leaving[pod] = left - 1
            if left <= 0:
                del self.leaving[pod]
                self.facts = replace(self.facts, pods=tuple(p for p in self.facts.pods if p.name != pod))
        if self._anew:
            self._go_on_with_static_pods(self._anew.pop(0))

    def _start(self, name: str, argv: tuple[str, ...]) -> None:
        """systemd refuses a name that it remembers: whoever asked attaches to the unit that is there."""
        if name in self.units:
            self.log.pop()
            return
        others = [one for one in self.running if self.running[one][0][:2] == argv[:2] == ("kubeadm", "upgrade")]
        assert not others, f"{name} was started beside {others}"
        self.units[name] = replace(RUNNING, name=name)
        self.running[name] = (argv, self.slow)

    def _end_unit(self, name: str, argv: tuple[str, ...]) -> None:
        base = name.partition(".try-")[0]
        if base in self.fail_next:
            self.fail_next.discard(base)
            self.units[name] = replace(FAILED, name=name)
            self._fail_half_way([word.partition("=")[0] for word in argv if "=1." in word])
            return
        self.units[name] = replace(FAILED if base in self.fail_late else SUCCEEDED, name=name)
        self.fail_late.discard(base)
        match argv:
            case ("kubeadm", "upgrade", *_) if self.facts.node.control_plane:
                self._upgrade_static_pods()
            case ("xargs", "-a", path, *_, "crictl", "pull"):
                self._host(images=self.facts.host.images.union(self.texts[path].split()) - self.unpublished)
            case _ if "--download-only" in argv:
                files = frozenset(f"{word.replace('=', '_')}_amd64.deb" for word in argv if "=1." in word)
                self._host(staged=self.facts.host.staged | files)
            case _ if "apt-get" in argv:
                assert {"--ignore-hold", "--allow-change-held-packages"} <= set(argv), "apt-get refuses: held packages"
                self._install(dict(word.split("=") for word in argv if word.startswith("kube")))
            case _ if "save" in argv:
                self._write(argv[-1])

    def _fail_half_way(self, packages: list[str]) -> None:
        """The first one was unpacked, and has lost its hold."""
        held = self.facts.host.held
        self.lost_holds = set(packages[:1]) & held
        self._host(held=held - self.lost_holds)

    def _install(self, versions: dict[str, str]) -> None:
        """apt drops the holds of what it has changed."""
        host = self.facts.host
        self._host(packages={**host.packages, **versions}, held=host.held - versions.keys())
        if "kubelet" in versions:
            self._host(kubelet_outdated=True)

    def _upgrade_static_pods(self) -> None:
        plane, here = self.facts.control_plane, self.facts.node.name
        pods = tuple(self._upgraded(pod) if pod.node == here else pod for pod in plane.static_pods)
        self._plane(static_pods=pods, cluster_version=self.hop.to)

    def _upgraded(self, pod: StaticPod) -> StaticPod:
        tag = (self.hop.etcd_pin or pod.image_tag) if pod.component == "etcd" else self.hop.to.tag
        return pod if tag == pod.image_tag else replace(pod, image_tag=tag, created=self.facts.now)

    def _go_on_with_static_pods(self, event: str) -> None:
        """A kubelet of another minor release takes them down and makes them anew: golden/kubelet-restart-*."""
        here, made = self.facts.node.name, event != "down"
        pods = tuple(
            replace(pod, ready=event == "ready", created=self.facts.now if made else pod.created)
            if pod.node == here
            else pod
            for pod in self.facts.control_plane.static_pods
        )
        self._plane(static_pods=pods)

    # commands

    def _run(self, argv: tuple[str, ...], stdin: str | None) -> None:
        host = self.facts.host
        match argv:
            case ("apt-mark", "hold", *names):
                self._host(held=host.held.union(names))
            case ("dd", of, *_):
                self._write_text(of.removeprefix("of="), stdin or "")
            case ("mv", "-f", source, target):
                self._move(source, target)
            case ("apt-get", "update", *_):
                self._host(offered={name: (version,) for name, version in self.hop.sources["deb"].packages.items()})
            case ("systemctl", "restart", "kubelet"):
                self._restart_kubelet()
            case ("tar", *_):
                self._write(next(word for word in argv if word.endswith(".part")))
            case _ if "etcdutl" in argv:
                assert LocalEtcd().snapshot in self.files, "there is no snapshot to verify"

    def _write_text(self, path: str, text: str) -> None:
        if path.startswith(backup.DIRECTORY):
            self.files[path] = (len(text), self.facts.now)
            self.runs[path] = text
        elif path.startswith("/run/"):
            self.texts[path] = text
        else:
            self._host(sources={**self.facts.host.sources, path: text})

    def _write(self, path: str) -> None:
        self.files[path] = (7, self.facts.now)

    def _move(self, source: str, target: str) -> None:
        host = self.facts.host
        if source in self.files:
            self.files[target] = self.files.pop(source)
            if source in self.runs:
                self.runs[target] = self.runs.pop(source)
        elif source in self.texts:
            self.texts[target] = self.texts.pop(source)
        elif source in host.sources:
            sources = {**host.sources, target: host.sources[source]}
            del sources[source]
            self._host(sources=sources)
        elif target == apt.KEYRING:
            self._host(keyrings=host.keyrings | {target})
        else:
            raise AssertionError(f"mv: cannot stat {source}")

    def _restart_kubelet(self) -> None:
        left = [pod for pod in leaving(self.facts.pods, self.facts.policy.drain) if not pod.pod.finished]
        assert self.facts.node.unschedulable, "a kubelet was restarted on a node in service"
        assert not left, "a kubelet was restarted under its workloads"
        changes_minor = self.facts.node.kubelet.minor != self.hop.to.minor
        self._host(kubelet_outdated=False, kubelet_started=self.facts.now)
        self._node(kubelet=self.hop.to, heartbeat=self.facts.now, ready=True)
        self.facts = replace(self.facts, lease=Lease(self.facts.node.name, renewed=self.facts.now))
        if changes_minor and self.facts.node.control_plane:
            self._anew = [*["down"] * (1 + self.slow), "made", "ready"]

    # the ledger, and parts of the facts

    def _change_ledger(self, action: LedgerAction) -> str | None:
        """Only over what was looked at."""
        if self.facts.ledger != self._looked_at:
            self.log.pop()
            return CONFLICT
        self._looked_at = changed(self.facts.ledger, action, self.facts.run, self.facts.now)
        self.facts = replace(self.facts, ledger=self._looked_at)
        return None

    def _maybe_crash(self) -> None:
        self.crash_in -= 1
        if self.crash_in == 0:
            raise Crash

    def _host(self, **changes: object) -> None:
        self.facts = replace(self.facts, host=replace(self.facts.host, **changes))

    def _node(self, **changes: object) -> None:
        self.facts = replace(self.facts, node=replace(self.facts.node, **changes))

    def _plane(self, **changes: object) -> None:
        self.facts = replace(self.facts, control_plane=replace(self.facts.control_plane, **changes))

    def _backups_of(self, host: HostFacts) -> None:
        for one in host.backups:
            path = f"{backup.DIRECTORY}/{one.name}/run"
            self.runs[path] = one.run
            self.files[path] = (len(one.run), self.facts.now - one.age)
            self.files |= {file.path: (file.size, self.facts.now - file.age) for file in one.files}
        if host.loose_snapshot is not None:
            self.files[LocalEtcd().snapshot] = (7, self.facts.now - host.loose_snapshot)
