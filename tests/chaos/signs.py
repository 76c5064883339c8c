"""What in the lab's log tells that a step is under way, or that its effect is there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from chaos.evidence import Entry, LedgerRecord
from lab import node_objects, pod_objects
from lab.cluster import SimulatedCluster
from lab.records import ApiRecord, CommandRecord, Sample


@dataclass(frozen=True)
class Sight:
    """The node that a sign is about, in its cluster as it is when an entry is made."""

    node: str
    cluster: SimulatedCluster

    @property
    def target(self) -> str:
        """The version that kubeadm has applied somewhere; nothing while no apiserver has moved."""
        newest = max(self.cluster.control_plane.apiservers().values(), key=lambda release: release.minor).v
        return "" if newest == f"v{self.cluster.spec.version}" else newest


Sign = Callable[[Entry, Sight], bool]


def begun(*words: str, without: str = "") -> Sign:
    """A command of the node with these words in a row has begun; systemd-run is not the command that it starts."""
    return _command(words, without, lambda record: record.exit_code is None)


def ended(*words: str, without: str = "") -> Sign:
    return _command(words, without, lambda record: record.exit_code == 0)


def _command(words: tuple[str, ...], without: str, state: Callable[[CommandRecord], bool]) -> Sign:
    def sign(entry: Entry, sight: Sight) -> bool:
        if not isinstance(entry, CommandRecord) or entry.node != sight.node or "systemd-run" in entry.argv:
            return False
        line = f" {' '.join(entry.argv)} "  # the last word may be the beginning of one
        return state(entry) and f" {' '.join(words)}" in line and not (without and without in line)

    return sign


def any_command(entry: Entry, sight: Sight) -> bool:
    return isinstance(entry, CommandRecord) and entry.node == sight.node


def etcd_asked(entry: Entry, sight: Sight) -> bool:
    """Who waits for the whole control plane asks the members of etcd, on the node that it waits for."""
    return begun("--", "etcdctl")(entry, sight)


def slot_taken(entry: Entry, sight: Sight) -> bool:
    return isinstance(entry, LedgerRecord) and entry.has_slot(sight.node)


def slot_given_back(entry: Entry, sight: Sight) -> bool:
    return isinstance(entry, LedgerRecord) and not entry.has_slot(sight.node)


def upgrade_noted(entry: Entry, sight: Sight) -> bool:
    """The ledger says no longer that a kubeadm upgrade has begun there and is not known to have ended."""
    key = f"out-of-service.{sight.node}"
    return isinstance(entry, LedgerRecord) and entry.has_slot(sight.node) and "doing:" not in entry.data[key]


def claimed(entry: Entry, sight: Sight) -> bool:
    return isinstance(entry, LedgerRecord) and "run" in entry.holder


def judged(entry: Entry, sight: Sight) -> bool:
    return isinstance(entry, LedgerRecord) and "judged" in entry.holder


def control_plane_is_through(entry: Entry, sight: Sight) -> bool:
    """The last slot of a control plane node was given back, and all of their kubelets are at the target."""
    cluster = sight.cluster
    nodes = cluster.control_plane.images
    through = all(cluster.kubelets[node].running.v == sight.target for node in nodes)
    return through and isinstance(entry, LedgerRecord) and not any(entry.has_slot(node) for node in nodes)


def cordoned(entry: Entry, sight: Sight) -> bool:
    return isinstance(entry, Sample) and entry.node == sight.node and not entry.schedulable


def schedulable(entry: Entry, sight: Sight) -> bool:
    return isinstance(entry, Sample) and entry.node == sight.node and entry.schedulable


def drained(entry: Entry, sight: Sight) -> bool:
    """At whatever is written down next: nothing is left on the node that a drain takes away."""
    pods = sight.cluster.pods_on(sight.node)
    return not any(pod_objects.must_have_gone(pod) for pod in pods)


def apiserver_moved(entry: Entry, sight: Sight) -> bool:
    """In the middle of kubeadm upgrade: controllers, scheduler and kubeadm's own record are still to come."""
    running = sight.node in sight.cluster.control_plane.kubeadm_running
    return running and isinstance(entry, Sample) and entry.node == sight.node and entry.apiserver == sight.target


def restarted(entry: Entry, sight: Sight) -> bool:
    """The Node tells of the new kubelet, and is not Ready."""
    return _kubelet_moved(entry, sight) and isinstance(entry, Sample) and not entry.ready


def ready(entry: Entry, sight: Sight) -> bool:
    """At the target, and still out of service."""
    return _kubelet_moved(entry, sight) and isinstance(entry, Sample) and entry.ready and not entry.schedulable


def _kubelet_moved(entry: Entry, sight: Sight) -> bool:
    return isinstance(entry, Sample) and entry.node == sight.node and entry.kubelet == sight.target


def settled(entry: Entry, sight: Sight) -> bool:
    """Whoever asks etcd now sees every static Pod made anew and everything well."""
    item = sight.cluster.store.find("Node", None, sight.node)
    well = item is not None and node_objects.is_ready(item) and not sight.cluster.control_plane.is_sick(sight.node)
    return well and sight.cluster.is_settled() and etcd_asked(entry, sight)


def eviction_refused(entry: Entry, sight: Sight) -> bool:
    return isinstance(entry, ApiRecord) and entry.path.endswith("/eviction") and entry.status == 429
