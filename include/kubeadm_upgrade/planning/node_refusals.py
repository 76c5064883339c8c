"""Reasons against a plan that lie in Node objects: roles that contradict themselves, and Nodes that are left out."""

from __future__ import annotations

from collections.abc import Iterator

from kubeadm_upgrade.control_plane import CONTROL_PLANE_COMPONENTS
from kubeadm_upgrade.outsiders import Outsider
from kubeadm_upgrade.planning import skew
from kubeadm_upgrade.planning.case import Case
from kubeadm_upgrade.planning.stops import Stops
from kubeadm_upgrade.roles import without_label
from kubeadm_upgrade.version import Version
from kubeadm_upgrade.wording import count


def roles(case: Case) -> Iterator[str]:
    """A node that would be upgraded as a worker, and whose apiserver or member of etcd would stay behind.

    The other way round, a label without static Pods, may pass by itself: preflight looks at that more than once.
    """
    for node in case.state.workers:
        runs = [name for name in (*CONTROL_PLANE_COMPONENTS, "etcd") if name in node.components]
        if runs:
            yield without_label(node.name, runs)


def outsiders(case: Case, stops: Stops) -> Iterator[str]:
    """Nodes that are left as they are, and that kubeadm would stop at on this path: the first time that it would."""
    applied = [stop for stop in stops if stop != case.floor]
    for outsider in case.state.outsiders:
        blocked = next((stop for stop in applied if in_the_way(outsider, stop)), None)
        if blocked is not None:
            nearer = f", or choose a target below {blocked.release}" if blocked.minor > applied[0].minor else ""
            yield f"{in_the_way(outsider, blocked)}{nearer}"


def in_the_way(outsider: Outsider, stop: Version) -> str | None:
    """Why `kubeadm upgrade apply` would not move the control plane to `stop`, and what to do about it.

    It holds the kubelet version of every Node against its own rule, and refuses one that it cannot read
    (EnforceVersionPolicies in kubeadm's phases/upgrade/policy.go).
    """
    away = f"take the Node away for as long as the upgrade lasts (kubectl delete node {outsider.name})"
    if (kubelet := outsider.kubelet) is None:
        return f"{outsider}, and kubeadm upgrade apply refuses a version that it cannot read: correct it, or {away}"
    if stop.minors_ahead_of(kubelet) <= min(skew.may_lag(kubelet), skew.kubeadm_lets_lag(stop)):
        return None
    behind = count(stop.minors_ahead_of(kubelet), "minor release")
    return (
        f"{outsider}, and its kubelet {kubelet} would be {behind} behind {stop}, which kubeadm upgrade apply refuses: "
        f"upgrade it by hand first, or {away}"
    )
