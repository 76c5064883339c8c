"""How much of a window a piece of work needs: what its steps have taken on this cluster, when they took long."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from kubeadm_upgrade.times.usual import guess

Durations = Mapping[str, Sequence[float]]  # step -> seconds, as the ledger keeps them

# The steps of each task group that waits for windows, as procedure.py has them: what that stands on asks here.
STEPS_OF: Mapping[str, tuple[str, ...]] = {
    "control_plane": (
        *("admit", "back_up", "upgrade_kubeadm", "kubeadm_upgrade_plan", "configure_etcd", "kubeadm_upgrade"),
        "control_plane_ready",
    ),
    "control_plane_kubelets": (
        *("admit", "drain_node", "upgrade_kubelet_and_kubectl", "restart_kubelet", "node_ready", "static_pods_ready"),
        "uncordon_node",
    ),
    "workers": (
        *("next_in_line", "upgrade_kubeadm", "kubeadm_upgrade_node", "admit", "drain_node"),
        *("upgrade_kubelet_and_kubectl", "restart_kubelet", "node_ready", "uncordon_node"),
    ),
}
_MOST_OF_THEM = 0.9
_WAITS_ONLY = ("next_in_line", "admit")  # they are what the window is asked by


def need(durations: Durations, steps: Iterable[str]) -> timedelta:
    """For these steps, one after the other: of each what nine of ten have taken, or a guess before there are any."""
    return timedelta(seconds=sum(_usual(durations.get(step) or (), step) for step in steps if step not in _WAITS_ONLY))


def _usual(seconds: Sequence[float], step: str) -> float:
    return sorted(seconds)[math.ceil(_MOST_OF_THEM * len(seconds)) - 1] if seconds else guess(step)
