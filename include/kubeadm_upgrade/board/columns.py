"""The columns of a board: every step of the procedure, its heading, and what a node does in it."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from kubeadm_upgrade.board.view import Column, Group
from kubeadm_upgrade.procedure import GROUPS
from kubeadm_upgrade.steps import Step

TITLES: Mapping[str, str] = {
    "stage": "Packages and images",
    "control_plane": "Control plane",
    "control_plane_kubelets": "Kubelets of the control plane",
    "workers": "Workers",
}

# step -> its heading, and what its node does: "{node} is being drained"
_WORDS: Mapping[str, tuple[str, str]] = {
    "switch_package_repository": ("repository", "switches its package repository"),
    "stage_packages": ("fetch", "fetches its packages"),
    "stage_images": ("images", "fetches its images"),
    "next_in_line": ("turn", "waits for its turn"),
    "admit": ("slot", "is being admitted"),
    "back_up": ("backup", "is being backed up"),
    "upgrade_kubeadm": ("kubeadm", "installs kubeadm"),
    "kubeadm_upgrade_plan": ("plan", "lets kubeadm check the upgrade"),
    "configure_etcd": ("etcd", "settles which etcd kubeadm deploys"),
    "kubeadm_upgrade": ("upgrade", "upgrades its control plane components"),
    "control_plane_ready": ("healthy", "lets the control plane settle"),
    "kubeadm_upgrade_node": ("config", "upgrades its kubelet configuration"),
    "drain_node": ("drain", "is being drained"),
    "upgrade_kubelet_and_kubectl": ("kubelet", "installs kubelet and kubectl"),
    "restart_kubelet": ("restart", "restarts its kubelet"),
    "node_ready": ("Ready", "is coming back"),
    "static_pods_ready": ("Pods", "gets its static Pods back"),
    "uncordon_node": ("uncordon", "is being uncordoned"),
}


def title(step: str) -> str:
    """The heading of a step's column; of a task of the whole run, its name in words."""
    return _WORDS[step][0] if step in _WORDS else step.replace("_", " ")


def doing(step: str) -> str:
    """What a node does in a step, as the rest of a sentence that its name begins."""
    return _WORDS[step][1] if step in _WORDS else f"is at {title(step)}"


@cache
def groups() -> tuple[Group, ...]:
    """All of them, in the order of a run."""
    return tuple(
        Group(name, TITLES[name], tuple(Column(step.name, title(step.name), _promise(step)) for step in steps))
        for name, steps in GROUPS.items()
    )


def _promise(step: Step) -> str:
    """The first sentence of what the procedure says under this heading."""
    text = " ".join((step.__doc__ or "").split())
    head, dot, _ = text.partition(". ")
    return f"{head}." if dot else text
