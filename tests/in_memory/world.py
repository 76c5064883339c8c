"""A cluster in memory behind the engine's port: every action has its effect, some only after a while."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from kubeadm_upgrade import drain
from kubeadm_upgrade.actions import Action, Evict, GiveSlotBack, PatchNode, Run, TakeSlot
from kubeadm_upgrade.facts import Backup, BackupFile, Facts
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.packages import apt
from kubeadm_upgrade.units import Unit

RUNNING, SUCCEEDED = Unit("loaded", "active", "running"), Unit("loaded", "active", "exited")
FAILED = Unit("loaded", "failed", "failed", "exit-code", 1, journal="fatal: no space left")


class Crash(Exception):
    """Whoever was looking or acting died."""


class World:
    """One node. `slow` looks pass before a unit ends or a Pod is gone."""

    def __init__(self, facts: Facts, hop: Hop, slow: int = 0) -> None:
        self.facts, self.hop, self.slow = facts, hop, slow
        self.log: list[Action] = []
        self.running: dict[str, tuple[tuple[str, ...], int]] = {}
        self.leaving: dict[str, int] = {}
        self.crash_in = -1  # so many looks and acts from now; never when negative
        self.fail_next: set[str] = set()
        self.lost_holds: set[str] = set()  # in installs that failed half way

    async def look(self) -> Facts:
        self._maybe_crash()
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
        return self.facts

    async def act(self, action: Action) -> str | None:
        self._maybe_crash()
        self.log.append(action)
        match action:
            case Run(unit=str(name)):
                self._unit(name, RUNNING)
                self.running[name] = (action.argv, self.slow)
            case Run():
                self._run(action.argv, action.stdin)
            case PatchNode(patch=patch):
                node = self.facts.node
                (by,) = patch["metadata"]["annotations"].values()
                unschedulable = bool(patch["spec"]["unschedulable"])
                self.facts = replace(self.facts, node=replace(node, unschedulable=unschedulable, cordoned_by=by))
            case Evict(pod=pod):
                gone = tuple(replace(p, terminating=True) if p.name == pod else p for p in self.facts.pods)
                self.facts = replace(self.facts, pods=gone)
                self.leaving[pod] = self.slow
            case TakeSlot(node=node):
                self._lane(self.facts.lane.holders | {node})
            case GiveSlotBack(node=node):
                self._lane(self.facts.lane.holders - {node})
        self._maybe_crash()
        return None

    @property
    def commands(self) -> list[str]:
        return [str(action) for action in self.log if isinstance(action, Run)]

    def started(self, unit: str) -> int:
        return sum(isinstance(action, Run) and action.unit == unit for action in self.log)

    def _maybe_crash(self) -> None:
        self.crash_in -= 1
        if self.crash_in == 0:
            raise Crash

    def _host(self, **changes: object) -> None:
        self.facts = replace(self.facts, host=replace(self.facts.host, **changes))

    def _lane(self, holders: frozenset[str]) -> None:
        self.facts = replace(self.facts, lane=replace(self.facts.lane, holders=holders))

    def _unit(self, name: str, unit: Unit | None) -> None:
        units = {key: value for key, value in self.facts.host.units.items() if key != name}
        self._host(units=units | ({name: unit} if unit else {}))

    def _end_unit(self, name: str, argv: tuple[str, ...]) -> None:
        if name in self.fail_next:
            self.fail_next.discard(name)
            self._unit(name, FAILED)
            self._fail_half_way([word.partition("=")[0] for word in argv if "=1." in word])
            return
        self._unit(name, SUCCEEDED)
        match argv:
            case (*_, "kubeadm", "upgrade", "apply", _, _) | ("kubeadm", "upgrade", "node"):
                if self.facts.node.control_plane:
                    self._upgrade_static_pods()
            case _ if "--download-only" in argv:
                files = frozenset(f"{word.replace('=', '_')}_amd64.deb" for word in argv if "=1." in word)
                self._host(staged=self.facts.host.staged | files)
            case _ if "apt-get" in argv:
                assert {"--ignore-hold", "--allow-change-held-packages"} <= set(argv), "apt-get refuses: held packages"
                self._install(dict(word.split("=") for word in argv if word.startswith("kube")))

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
        plane, here, tag = self.facts.control_plane, self.facts.node.name, self.hop.to.tag
        pods = tuple(
            replace(pod, image_tag=tag) if pod.node == here and pod.component != "etcd" else pod
            for pod in plane.static_pods
        )
        self.facts = replace(self.facts, control_plane=replace(plane, static_pods=pods, cluster_version=self.hop.to))

    def _run(self, argv: tuple[str, ...], stdin: str | None) -> None:
        host = self.facts.host
        match argv:
            case ("systemctl", "stop" | "reset-failed", name):
                self._unit(name, None)
            case ("apt-mark", "hold", *names):
                self._host(held=host.held.union(names))
            case ("dd", of, *_):
                self._host(sources={**host.sources, of.removeprefix("of="): stdin})
            case ("mv", "-f", source, target):
                self._move(source, target)
            case ("apt-get", "update", *_):
                self._host(offered={name: (version,) for name, version in self.hop.sources["deb"].packages.items()})
            case ("systemctl", "restart", "kubelet"):
                self._restart_kubelet()

    def _move(self, source: str, target: str) -> None:
        host = self.facts.host
        if source in host.sources:
            sources = {**host.sources, target: host.sources[source]}
            del sources[source]
            self._host(sources=sources)
        elif target == apt.KEYRING:
            self._host(keyrings=host.keyrings | {target})
        if target.endswith("/run") and target.split("/")[-2] not in {backup.name for backup in host.backups}:
            self._host(backups=(*host.backups, Backup(target.split("/")[-2], self.hop.run)))
        elif target.endswith((".db", ".gz")):
            ours = replace(host.backups[-1], files=(*host.backups[-1].files, BackupFile(target, 7, "digest")))
            files = {file.path: file for file in ours.files}
            self._host(backups=(*host.backups[:-1], replace(ours, files=tuple(files.values()))))

    def _restart_kubelet(self) -> None:
        left = [pod for pod in drain.evictable(self.facts.pods) if not pod.finished]
        assert self.facts.node.unschedulable, "a kubelet was restarted on a node in service"
        assert not left, "a kubelet was restarted under its workloads"
        started = self.facts.host.kubelet_started + timedelta(minutes=5)
        self._host(kubelet_outdated=False, kubelet_started=started)
        self.facts = replace(
            self.facts, node=replace(self.facts.node, kubelet=self.hop.to, heartbeat=started, ready=True)
        )
