"""Which role a node has: its label says so, and its static Pods must say the same.

Kubernetes knows the label only, and kubeadm upgrade node the manifests on the host. Where they contradict each other,
either an apiserver would stay behind, or a worker would be waited for as a control plane node.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kubeadm_upgrade.wording import shortened

LABEL = "node-role.kubernetes.io/control-plane"
# kubeadm below 1.24 labels control plane nodes with the older name only, or with both
_LABELS = {LABEL, "node-role.kubernetes.io/master"}


def is_control_plane(labels: Iterable[str]) -> bool:
    """Whether a Node's labels say so."""
    return not _LABELS.isdisjoint(labels)


def without_label(node: str, components: Sequence[str]) -> str:
    """The sentence for a node that runs a part of the control plane and has no label that says so."""
    return (
        f"{node} runs {shortened(components)} as static Pods and has no control plane label: "
        f"kubectl label node {node} {LABEL}= if it is a control plane node, else remove their manifests from it"
    )


def without_static_pods(node: str) -> str:
    """The sentence for a node that is labelled, and runs no part of the control plane."""
    return (
        f"{node} has the control plane label and runs no static Pods of a control plane: "
        f"kubectl label node {node} {LABEL}- if it is a worker, else see why its kubelet does not start them"
    )
