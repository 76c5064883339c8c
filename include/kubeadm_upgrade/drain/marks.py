"""What is written on a Node, and taken off again: everything of ours, and nothing of anybody else's."""

from __future__ import annotations

from typing import Any

from kubeadm_upgrade.actions import CORDONED_BY, PatchNode
from kubeadm_upgrade.drain.quarantine import LABEL
from kubeadm_upgrade.drain.to_come import is_marked, without_taint
from kubeadm_upgrade.facts import NodeFacts


def uncordon(node: NodeFacts) -> PatchNode:
    """Also the label and the taint. A node that somebody else has cordoned stays so (invariant I7)."""
    ours = node.cordoned_by is not None
    spec: dict[str, Any] = {"unschedulable": None} if ours else {}
    if is_marked(node.taints):
        spec["taints"] = without_taint(node.taints) or None
    metadata: dict[str, Any] = {"annotations": {CORDONED_BY: None}} if ours else {}
    metadata |= {"labels": {LABEL: None}} if node.quarantined else {}
    patch = {"spec": spec, "metadata": {**metadata, "resourceVersion": node.resource_version}}
    return PatchNode("uncordon" if ours else "unmark", node.name, patch)


def label_quarantined(node: NodeFacts) -> PatchNode:
    metadata = {"labels": {LABEL: "true"}, "resourceVersion": node.resource_version}
    return PatchNode("label", node.name, {"metadata": metadata})
