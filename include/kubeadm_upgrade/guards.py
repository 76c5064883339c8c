"""Reasons against touching a node's kubelet, and for leaving it as it is: what several headings share."""

from __future__ import annotations

from collections.abc import Iterable

from kubeadm_upgrade.admission.gates import ailments
from kubeadm_upgrade.drain.filters import leaving
from kubeadm_upgrade.facts import Facts
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.tasks import clear_as_well


def no_slot(facts: Facts) -> str:
    return f"it holds no slot of this run: {clear('admit', facts)}"


def clear(step: str, facts: Facts) -> str:
    """That an earlier step of the node has to be done again, by the name of its task."""
    return clear_as_well(step, control_plane=facts.node.control_plane)


def kubelet_too_new(facts: Facts, hop: Hop) -> str | None:
    """An apiserver that has joined meanwhile may be older than all that this run has moved (invariant I5)."""
    behind = [
        node
        for node, version in facts.control_plane.versions("kube-apiserver").items()
        if hop.to.minors_ahead_of(version) > 0
    ]
    return f"kube-apiserver on {behind[0]} is not at {hop.to} yet: start a new run, which moves it" if behind else None


def ailments_first(facts: Facts) -> tuple[str, ...]:
    """What a control plane node's kubelet waits for, however long ago it was admitted: its Pods go down with it (I3).

    A kubelet that does not run is started all the same.
    """
    runs = facts.host.kubelet_started is not None
    return ailments(facts) if facts.node.control_plane and runs else ()


def until_healthy(ailing: Iterable[str]) -> str:
    """What is waited for, in words."""
    return f"the control plane to be healthy: {'; '.join(ailing)}"


def stays_in_service(facts: Facts, hop: Hop) -> bool:
    """Whether a node is at the target and nobody took a slot for it: whatever its package is by now, it stays."""
    at_target = facts.node.kubelet == hop.to and facts.host.kubelet_started is not None
    return at_target and facts.slot is None and facts.node.schedulable


def why_in_service(facts: Facts) -> str | None:
    if facts.node.schedulable:
        return f"the node is not cordoned: {clear('drain_node', facts)}"
    if left := [one.pod for one in leaving(facts.pods, facts.policy.drain) if not one.pod.finished]:
        return f"the node is not drained, {left[0]} is still on it: {clear('drain_node', facts)}"
    return no_slot(facts) if facts.slot is None else None
