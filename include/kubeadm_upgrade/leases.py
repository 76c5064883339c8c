"""Leases: who leads among the controllers of a cluster, and whether a kubelet is heard from.

After its control plane has moved, a cluster is healthy before anybody leads it again: a lease is held for as long as
its last holder said. Until then nothing replaces what is evicted, and no budget is counted anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from kubeadm_upgrade.control_plane import ControlPlaneFacts
from kubeadm_upgrade.reading import moment, name_of, reading
from kubeadm_upgrade.static_pod import StaticPod

LEADERS = ("kube-controller-manager", "kube-scheduler")
NODES = "kube-node-lease"  # the namespace of kubelets' leases, each of its Node's name
_LASTS = timedelta(seconds=15)  # the default of --leader-elect-lease-duration


@dataclass(frozen=True)
class Lease:
    """Of one name, as the API shows it; `age`: since its last renewal, by the API server's clock."""

    name: str
    holder: str = ""  # HOST_UUID
    acquired: datetime | None = None
    renewed: datetime | None = None
    age: timedelta | None = None
    lasts: timedelta = _LASTS


def read_lease(lease: Mapping[str, Any], now: datetime) -> Lease:
    with reading(f"Lease {name_of(lease)}"):
        spec = lease.get("spec") or {}
        renewed = moment(spec.get("renewTime"))
        return Lease(
            name=lease["metadata"]["name"],
            holder=spec.get("holderIdentity") or "",
            acquired=moment(spec.get("acquireTime")),
            renewed=renewed,
            age=now - renewed if renewed else None,
            lasts=timedelta(seconds=spec.get("leaseDurationSeconds") or _LASTS.total_seconds()),
        )


def without_leader(leases: Iterable[Lease], control_plane: ControlPlaneFacts) -> Iterator[str]:
    """A sentence on each kind of controller that nobody is known to lead now."""
    by_name = {lease.name: lease for lease in leases}
    for component in LEADERS:
        pods = [pod for pod in control_plane.static_pods if pod.component == component]
        if any(_elects_otherwise(pod) for pod in pods):
            continue
        lease = by_name.get(component)
        if lease is None or lease.age is None or not lease.holder:
            yield f"no {component} leads"
        elif lease.age > lease.lasts:
            yield f"no {component} leads: {lease.holder.partition('_')[0]} has not renewed its lease"
        elif pod := next((pod for pod in pods if _led_before(pod, lease)), None):
            yield f"no {component} leads: the one on {pod.node} has been made anew, and the lease is from before"


def _elects_otherwise(pod: StaticPod) -> bool:
    """Without an election, or under a lease of another name: nothing is known of who leads."""
    return any(word == "--leader-elect=false" or word.startswith("--leader-elect-resource-") for word in pod.command)


def _led_before(pod: StaticPod, lease: Lease) -> bool:
    """Whether the holder was a process of this node's that is no more."""
    here = lease.holder.partition("_")[0] == pod.node
    return here and pod.created is not None and lease.acquired is not None and lease.acquired < pod.created
