"""How long a step usually takes, before there is any history of the cluster at hand."""

from __future__ import annotations

from collections.abc import Mapping

# Seconds on middling machines.
GUESSES: Mapping[str, float] = {
    "switch_package_repository": 10,
    "stage_packages": 30,
    "stage_images": 45,
    "next_in_line": 2,
    "admit": 2,
    "back_up": 15,
    "upgrade_kubeadm": 15,
    "kubeadm_upgrade_plan": 10,
    "configure_etcd": 3,
    "kubeadm_upgrade": 120,
    "control_plane_ready": 30,
    "kubeadm_upgrade_node": 15,
    "drain_node": 45,
    "upgrade_kubelet_and_kubectl": 25,
    "restart_kubelet": 10,
    "node_ready": 15,
    "static_pods_ready": 60,
    "uncordon_node": 3,
}
_ANY_STEP = 10.0


def guess(step: str) -> float:
    """In seconds; a step that nobody has measured yet is taken for a short one."""
    return GUESSES.get(step, _ANY_STEP)
