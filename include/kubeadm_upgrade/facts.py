"""What was looked at: values with no way to look themselves."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from kubeadm_upgrade.admission.lane import Lane
from kubeadm_upgrade.assignment import RunId
from kubeadm_upgrade.control_plane import ControlPlaneFacts
from kubeadm_upgrade.drain.attachment import Attachment
from kubeadm_upgrade.drain.pod import PodFacts
from kubeadm_upgrade.drain.to_come import is_marked
from kubeadm_upgrade.etcd import EtcdFacts
from kubeadm_upgrade.leases import Lease
from kubeadm_upgrade.ledger.ledger import Failure, Ledger, Slot
from kubeadm_upgrade.policy import RolloutPolicy
from kubeadm_upgrade.rollout.workload import Workload
from kubeadm_upgrade.units import Unit
from kubeadm_upgrade.unseen import UNSEEN
from kubeadm_upgrade.version import Version

PACKAGES = ("kubeadm", "kubelet", "kubectl")
COMPANIONS = ("cri-tools", "kubernetes-cni")  # come with them as dependencies


@dataclass(frozen=True)
class NodeFacts:
    """A Node as the API shows it."""

    name: str
    kubelet: Version
    ready: bool
    ready_reason: str = ""
    ready_message: str = ""
    heartbeat: datetime | None = None
    ready_changed: datetime | None = None  # when it last became Ready, or ceased to be
    pressures: tuple[str, ...] = ()  # what else its conditions say that is not well
    unschedulable: bool = False
    cordoned_by: str | None = None  # our annotation: None when somebody else cordoned it, or nobody
    cordoned_at: datetime | None = None  # whoever did it
    control_plane: bool = False
    addresses: Mapping[str, str] = field(default_factory=dict)  # by type: InternalIP, Hostname, …
    os_image: str = ""
    runtime: str = ""
    kernel: str = ""
    cri_socket: str = ""  # where kubeadm looks for the runtime
    machine_id: str = ""  # of the machine that its kubelet runs on, as it was when the kubelet started
    boot_id: str = ""
    resource_version: str = ""
    taints: tuple[Mapping[str, Any], ...] = ()  # as the API has them: they are written as a whole
    quarantined: bool = False  # our label, which an earlier run has left
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def schedulable(self) -> bool:
        return not self.unschedulable

    @property
    def shows_us(self) -> bool:
        """Whether anything on it is ours: cordon, label or taint."""
        return self.cordoned_by is not None or self.quarantined or is_marked(self.taints)

    @property
    def why_not_ready(self) -> str:
        """The API's own words, for messages."""
        why = f"{self.ready_reason}: {self.ready_message}".strip(": ") or "no Ready condition"
        return "; ".join((why, *self.pressures))


# Major releases with dnf 4. Before them there is only yum; dnf 5 does not know the options that dnf.py gives.
_WITH_DNF = {"fedora": range(22, 41), "amzn": range(2022, 10000)}
_RED_HAT_WITH_DNF = range(8, 100)


@dataclass(frozen=True)
class OsRelease:
    """From /etc/os-release."""

    id: str
    like: tuple[str, ...] = ()
    version: str = ""
    name: str = ""
    image_based: bool = False  # as Fedora CoreOS: no package manager changes it
    platform: str = ""  # what it is built as, `platform:el8`: kin of Red Hat's count their own releases

    @property
    def package_format(self) -> str | None:
        """deb or rpm; None for a system whose packages we do not know how to change, as one with only yum."""
        if self.image_based:
            return None
        names = {self.id, *self.like}
        if names & {"debian", "ubuntu"}:
            return "deb"
        like_red_hat = names & {"rhel", "centos", "rocky", "almalinux", "ol", "fedora", "amzn"} or self._built_as
        return "rpm" if like_red_hat and self._has_dnf else None

    @property
    def _built_as(self) -> str:
        """The release in PLATFORM_ID, which Red Hat's kin alone have."""
        platform = re.fullmatch(r"platform:[a-z]+(\d+)", self.platform)
        return platform[1] if platform else ""

    @property
    def _has_dnf(self) -> bool:
        major = self._built_as or self.version.partition(".")[0]
        return not major.isdigit() or int(major) in _WITH_DNF.get(self.id, _RED_HAT_WITH_DNF)


@dataclass(frozen=True)
class UpgradePlan:
    """What `kubeadm upgrade plan VERSION` says."""

    offers: tuple[str, ...]  # versions of kube-apiserver that it offers to apply
    manual: tuple[str, ...] = ()  # component config groups that need an upgrade by hand


@dataclass(frozen=True)
class BackupFile:
    path: str
    size: int  # bytes
    age: timedelta = timedelta()
    sha256: str = ""  # only where it was asked for


@dataclass(frozen=True)
class Backup:
    """One directory of backups on a host."""

    name: str
    run: str  # which run took it
    files: tuple[BackupFile, ...] = ()  # only those that are complete and verified: each gets its name last
    begun: timedelta = timedelta()  # how long ago its run last began to take it

    @property
    def complete(self) -> bool:
        return len(self.files) == 2 and all(file.size for file in self.files)

    @property
    def age(self) -> timedelta:
        """Of its oldest part, by the host's own clock."""
        return max((file.age for file in self.files), default=timedelta())


@dataclass(frozen=True)
class HostFacts:
    """A machine as its own tools describe it, over SSH."""

    os: OsRelease
    packages: Mapping[str, str]  # installed: name -> package version, as `1.28.15-1.1`
    half_installed: frozenset[str] = frozenset()  # the package manager is at work on them, or was cut off
    held: frozenset[str] = frozenset()
    locked: Mapping[str, str] = field(default_factory=dict)  # by dnf's versionlock: name -> version
    sources: Mapping[str, str] = field(default_factory=dict, repr=False)  # file -> text, which may hold passwords
    keyrings: frozenset[str] = frozenset()
    conffiles: Mapping[str, str] = field(default_factory=dict)  # path -> text, and the packages' own beside them
    offered: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # by the configured repository
    staged: frozenset[str] = frozenset()  # file names in the package cache
    kubelet_started: datetime | None = None  # None: it does not run
    kubelet_age: timedelta | None = None  # how long it has run, by the host's own clock
    kubelet_binary: str = ""  # the path of the one that runs
    kubelet_outdated: bool = False  # the running process is not the installed binary or unit
    kubelet_restarting: bool = False  # it does not stay up, and systemd starts it again by itself
    kubelet_journal: str = ""  # its last lines, where it does not run, or its Node is not Ready
    images: frozenset[str] | None = UNSEEN  # by name and tag; None: no crictl there that could tell
    upgrade_plan: UpgradePlan | None = UNSEEN
    backups: tuple[Backup, ...] = UNSEEN
    loose_snapshot: timedelta | None = UNSEEN  # the age of one that was taken, and not yet put into a backup


@dataclass(frozen=True)
class Facts:
    """Everything a step may judge by. What its `needs` do not name was not looked at, and raises when asked for."""

    node: NodeFacts
    run: RunId  # the one that looks
    now: datetime = UNSEEN
    policy: RolloutPolicy = UNSEEN
    ledger: Ledger = UNSEEN
    units: Mapping[str, Unit] = field(default_factory=dict)  # by a step's name for it: the newest try
    host: HostFacts = UNSEEN  # also unseen while the step's unit runs: there is nothing to do but to wait
    pods: tuple[PodFacts, ...] = UNSEEN
    attached: tuple[Attachment, ...] = UNSEEN  # volumes, but for those of Pods that stay
    to_mark: tuple[str, ...] = UNSEEN  # nodes still to come that do not show it yet
    control_plane: ControlPlaneFacts = UNSEEN
    etcd: EtcdFacts = UNSEEN  # of control plane nodes only
    lane: Lane = UNSEEN
    lease: Lease | None = UNSEEN  # of the node's kubelet
    leaders: tuple[Lease, ...] = UNSEEN  # of the controllers; where a node is to be drained
    workloads: tuple[Workload, ...] = UNSEEN  # where the rollout's health is of them
    query_says: str = UNSEEN  # why the rollout's query does not pass; "": it does

    @property
    def slot(self) -> Slot | None:
        """The node's slot, where it is this run's own."""
        return self.ledger.slot_of(self.node.name, self.run)

    @property
    def failure(self) -> Failure | None:
        """Of a kubeadm upgrade of this node, as the ledger remembers it."""
        return self.slot.failure if self.slot else None
