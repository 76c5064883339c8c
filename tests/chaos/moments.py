"""The moments at which something is killed: at the end of every step of procedure.py, and within those that last.

A moment is known by what the lab sees, never by a task of Airflow: a step's own effect, or its command under way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from chaos import signs
from chaos.signs import Sign, begun, ended
from lab.faults import Fault


class Where(StrEnum):
    WITHIN = "within"
    HALF_WAY = "half way"
    AFTER = "after"


@dataclass(frozen=True)
class Hold:
    """What keeps a step from ending until something was done to it: a fault, from these signs on."""

    fault: Callable[[str], Fault]
    since: tuple[Sign, ...] = ()


@dataclass(frozen=True)
class Moment:
    """It has come once its signs were seen, one after the other."""

    group: str
    step: str
    where: Where
    shows: str
    signs: tuple[Sign, ...]
    hold: Hold | None = None
    #: Where nothing runs for this node: no process of a worker that could be killed.
    waits: bool = False
    #: Only the first control plane node has it.
    first_only: bool = False

    def __str__(self) -> str:
        return f"{self.where} {self.group}.{self.step}"


def _held(*words: str, since: tuple[Sign, ...] = ()) -> Hold:
    return Hold(lambda node: Fault("held", node, words), since)


def _budget(_: str) -> Fault:
    return Fault("budget_never_allows", namespace="shop", name="web")


def _scheduler_not_ready(node: str) -> Fault:
    return Fault("static_pod_not_ready", node, component="kube-scheduler")


_INSTALL = ("apt-get", "install", "-y", "--ignore-hold")
_CORDONED = (signs.cordoned,)
_HELD_AGAIN = (signs.slot_taken, signs.slot_given_back, signs.slot_taken)
_RESTARTED = begun("systemctl", "restart", "kubelet")
_WITHIN, _HALF_WAY, _AFTER = Where.WITHIN, Where.HALF_WAY, Where.AFTER


def _kubeadm_of(group: str) -> tuple[Moment, ...]:
    return (
        Moment(
            group,
            "upgrade_kubeadm",
            _WITHIN,
            "apt installs kubeadm",
            (begun(*_INSTALL, without="kubelet="),),
            _held(*_INSTALL),
        ),
        Moment(
            group, "upgrade_kubeadm", _AFTER, "kubeadm is held again", (ended("apt-mark", "hold", without=" kubelet "),)
        ),
    )


def _kubelet_of(group: str) -> tuple[Moment, ...]:
    """From the packages to the node Ready: the same on every node."""
    step = "upgrade_kubelet_and_kubectl"
    return (
        Moment(
            group,
            step,
            _WITHIN,
            "apt installs the kubelet",
            (*_CORDONED, begun(*_INSTALL, without="kubeadm=")),
            _held(*_INSTALL, since=_CORDONED),
        ),
        Moment(
            group,
            step,
            _AFTER,
            "the kubelet is held again",
            (*_CORDONED, ended("apt-mark", "hold", without=" kubeadm ")),
        ),
        Moment(
            group,
            "restart_kubelet",
            _WITHIN,
            "systemd has read its units anew",
            (*_CORDONED, ended("systemctl", "daemon-reload")),
        ),
        Moment(
            group,
            "restart_kubelet",
            _AFTER,
            "systemd has restarted the kubelet",
            (*_CORDONED, ended("systemctl", "restart", "kubelet")),
        ),
        Moment(
            group,
            "node_ready",
            _WITHIN,
            "the Node is NotReady at the target",
            (_RESTARTED, signs.restarted),
            Hold(lambda node: Fault("never_ready", node), (_RESTARTED,)),
            waits=True,
        ),
        Moment(group, "node_ready", _AFTER, "the Node is Ready at the target", (_RESTARTED, signs.ready)),
    )


def _uncordon_of(group: str) -> tuple[Moment, ...]:
    seen = (*_CORDONED, signs.schedulable)
    return (
        Moment(group, "uncordon_node", _WITHIN, "the Node is schedulable, and has its slot", seen),
        Moment(group, "uncordon_node", _AFTER, "the slot is given back", (*seen, signs.slot_given_back)),
    )


RUN = (
    Moment("run", "claim", _AFTER, "the ledger names the run", (signs.claimed,)),
    Moment("run", "preflight", _AFTER, "the ledger says that preflight has passed", (signs.judged,)),
)

_UPDATE = ("apt-get", "update", "-o", "Dir::Etc::SourceList=/etc/apt/")
STAGE = (
    Moment(
        "stage",
        "switch_package_repository",
        _WITHIN,
        "the list names the new repository, and apt has not read it",
        (ended("mv", "-f", "/etc/apt/sources.list.d/kubernetes.list.new"),),
    ),
    Moment("stage", "switch_package_repository", _AFTER, "apt has read the new repository", (ended(*_UPDATE),)),
    Moment(
        "stage",
        "stage_packages",
        _WITHIN,
        "apt fetches packages",
        (begun("apt-get", "install", "-y", "--download-only"),),
        _held("--download-only"),
    ),
    Moment(
        "stage",
        "stage_packages",
        _AFTER,
        "apt has fetched packages",
        (ended("apt-get", "install", "-y", "--download-only"),),
    ),
    Moment("stage", "stage_images", _WITHIN, "images are pulled", (begun("xargs"),), _held("xargs")),
    Moment("stage", "stage_images", _AFTER, "images are there", (ended("xargs"),)),
)

CONTROL_PLANE = (
    Moment("control_plane", "admit", _AFTER, "the ledger has the slot", (signs.slot_taken,)),
    Moment(
        "control_plane",
        "back_up",
        _WITHIN,
        "etcd is saved",
        (begun("snapshot", "save"),),
        _held("snapshot", "save"),
    ),
    Moment(
        "control_plane",
        "back_up",
        _AFTER,
        "the archive has its name",
        (ended("snapshot", "save"), ended("tar"), ended("mv", "-f")),
    ),
    *_kubeadm_of("control_plane"),
    Moment(
        "control_plane",
        "kubeadm_upgrade_plan",
        _WITHIN,
        "kubeadm makes its plan",
        (begun("kubeadm", "upgrade", "plan"),),
        _held("kubeadm", "upgrade", "plan"),
        first_only=True,
    ),
    Moment(
        "control_plane",
        "kubeadm_upgrade_plan",
        _AFTER,
        "kubeadm has made its plan",
        (ended("kubeadm", "upgrade", "plan"),),
        first_only=True,
    ),
    Moment(
        "control_plane",
        "kubeadm_upgrade",
        _WITHIN,
        "kubeadm upgrade has begun",
        (begun("kubeadm", "upgrade", without=" plan "),),
        Hold(lambda node: Fault("held", node, ("kubeadm", "upgrade", "apply" if node.endswith("cp1") else "node"))),
    ),
    Moment("control_plane", "kubeadm_upgrade", _HALF_WAY, "the apiserver has moved", (signs.apiserver_moved,)),
    Moment(
        "control_plane",
        "kubeadm_upgrade",
        _AFTER,
        "kubeadm upgrade has ended",
        (ended("kubeadm", "upgrade", without=" plan "),),
    ),
    Moment(
        "control_plane",
        "control_plane_ready",
        _WITHIN,
        "a static Pod is not Ready",
        (ended("kubeadm", "upgrade", without=" plan "), signs.upgrade_noted, signs.etcd_asked),
        # not before: who has lost its machine with it runs kubeadm upgrade again, and waits for health before that
        Hold(_scheduler_not_ready, (ended("kubeadm", "upgrade", without=" plan "), signs.upgrade_noted)),
        waits=True,
    ),
    Moment(
        "control_plane",
        "control_plane_ready",
        _AFTER,
        "the slot is given back",
        (signs.slot_taken, signs.slot_given_back),
    ),
)

_KUBELETS = "control_plane_kubelets"
CONTROL_PLANE_KUBELETS = (
    Moment(_KUBELETS, "admit", _AFTER, "the ledger has the slot", _HELD_AGAIN),
    Moment(_KUBELETS, "drain_node", _WITHIN, "the Node is cordoned", _CORDONED),
    Moment(_KUBELETS, "drain_node", _AFTER, "no Pod is left that a drain takes", (*_CORDONED, signs.drained)),
    *_kubelet_of(_KUBELETS),
    Moment(
        _KUBELETS,
        "static_pods_ready",
        _WITHIN,
        "a static Pod is not Ready",
        (_RESTARTED, signs.ready, signs.etcd_asked),
        Hold(_scheduler_not_ready, (_RESTARTED, signs.ready)),
        waits=True,
    ),
    Moment(
        _KUBELETS, "static_pods_ready", _AFTER, "static Pods are made anew", (_RESTARTED, signs.ready, signs.settled)
    ),
    *_uncordon_of(_KUBELETS),
)

_NODE = ("kubeadm", "upgrade", "node")
WORKERS = (
    Moment(
        "workers",
        "next_in_line",
        _AFTER,
        "the first command after the last control plane node",
        (signs.control_plane_is_through, signs.any_command),
    ),
    *_kubeadm_of("workers"),
    Moment(
        "workers", "kubeadm_upgrade_node", _WITHIN, "kubeadm upgrade node has begun", (begun(*_NODE),), _held(*_NODE)
    ),
    Moment("workers", "kubeadm_upgrade_node", _AFTER, "kubeadm upgrade node has ended", (ended(*_NODE),)),
    Moment("workers", "admit", _AFTER, "the ledger has the slot", (signs.slot_taken,)),
    Moment(
        "workers",
        "drain_node",
        _WITHIN,
        "a budget refuses an eviction",
        (*_CORDONED, signs.eviction_refused),
        Hold(_budget, (signs.slot_taken,)),
        waits=True,
    ),
    Moment("workers", "drain_node", _AFTER, "no Pod is left that a drain takes", (*_CORDONED, signs.drained)),
    *_kubelet_of("workers"),
    *_uncordon_of("workers"),
)

MOMENTS = (*RUN, *STAGE, *CONTROL_PLANE, *CONTROL_PLANE_KUBELETS, *WORKERS)

_TURN = "it waits while another node is at work: the moments within that one are within this"
#: Where a step has no such moment, whatever is killed.
NOT_THERE: dict[tuple[str, str], str] = {
    ("control_plane", "admit"): _TURN,
    (_KUBELETS, "admit"): _TURN,
    ("workers", "next_in_line"): _TURN,
    ("workers", "admit"): _TURN,
}
#: Steps that do nothing in this hop.
NOTHING_TO_DO = {
    ("control_plane", "configure_etcd"): "only a gate of etcd, before 1.34 and 1.37, gives it something to do"
}
