"""Reads the lab's own records: what hosts ran, and what was out of service when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from kubeadm_upgrade.units import LOCALE
from lab import LabCluster


def commands(cluster: LabCluster, since: int = 0) -> dict[str, list[str]]:
    """Node to the commands that changed it, or that asked kubeadm, in order, as they came over SSH.

    Without the locale: every line is sent behind it, and none is printed with it.
    """
    by_node: dict[str, list[str]] = {}
    for record in cluster.log[since:]:
        if not record.unit and (record.mutating or "snapshot" in record.argv):
            by_node.setdefault(record.node, []).append(record.command.removeprefix(f"env {LOCALE} "))
    return by_node


def beside_the_ledger(cluster: LabCluster) -> list[str]:
    """What was changed through the API, but for who upgrades the cluster."""
    changes = ((record, str(record.body)) for record in cluster.mutations)
    return [record.path for record, body in changes if "kubeadm-fleet-ledger" not in f"{record.path} {body}"]


def most_out_of_service(cluster: LabCluster, nodes: Iterable[str]) -> int:
    """The largest number of these nodes that were cordoned or NotReady at one moment."""
    watched, now, most = set(nodes), {}, 0
    for sample in cluster.timeline:
        if sample.node in watched:
            now[sample.node] = sample.ready and sample.schedulable
            most = max(most, sum(not fine for fine in now.values()))
    return most


def cordons(cluster: LabCluster) -> Counter[str]:
    """How often each node went from schedulable to cordoned."""
    schedulable: dict[str, bool] = {}
    count: Counter[str] = Counter()
    for sample in cluster.timeline:
        count[sample.node] += schedulable.get(sample.node, True) and not sample.schedulable
        schedulable[sample.node] = sample.schedulable
    return count


def widest_kubelet_skew(cluster: LabCluster) -> int:
    """The most minor releases that any kubelet was ever behind any apiserver."""
    kubelets: dict[str, int] = {}
    apiservers: dict[str, int] = {}
    widest = 0
    for sample in cluster.timeline:
        kubelets[sample.node] = _minor(sample.kubelet)
        if sample.apiserver:
            apiservers[sample.node] = _minor(sample.apiserver)
        widest = max(widest, max(apiservers.values(), default=0) - min(kubelets.values()) if apiservers else 0)
    return widest


def _minor(version: str) -> int:
    return int(version.split(".")[1])


def ever_cordoned(cluster: LabCluster) -> set[str]:
    return {sample.node for sample in cluster.timeline if not sample.schedulable}


def applies(cluster: LabCluster) -> int:
    return sum(record.argv[:3] == ("kubeadm", "upgrade", "apply") for record in cluster.log)


def workers(cluster: LabCluster) -> list[str]:
    return [name for name in cluster.nodes if "-w" in name]


def control_plane(cluster: LabCluster) -> list[str]:
    return [name for name in cluster.nodes if "-cp" in name]
