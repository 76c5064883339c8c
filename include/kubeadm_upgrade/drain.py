"""Which Pods leave a node in a drain, which stay, and which forbid it: kubectl's filters as one pure verdict.

https://kubernetes.io/docs/tasks/administer-cluster/safely-drain-node/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from kubeadm_upgrade.facts import PodFacts
from kubeadm_upgrade.policy import DrainPolicy
from kubeadm_upgrade.wording import agreeing


def leaves(pod: PodFacts) -> bool:
    """Whether a drain evicts this Pod at all: not a static Pod's mirror, not a DaemonSet's, none that comes back."""
    return not pod.mirror and not pod.undeterred and (pod.owner_kind != "DaemonSet" or pod.finished)


def evictable(pods: Iterable[PodFacts]) -> tuple[PodFacts, ...]:
    return tuple(pod for pod in pods if leaves(pod))


def left(pod: PodFacts, now: datetime) -> str:
    """A Pod that is still there, and why it does not go where it should have gone by now."""
    if pod.terminating_since is None or pod.due is None or now <= pod.due:
        return str(pod)
    finalizers = f"{agreeing(pod.finalizers, 'finalizer', 'finalizers')} {', '.join(pod.finalizers)}"
    held = f"held by {finalizers}" if pod.finalizers else "and its kubelet has not ended it"
    return f"{pod} (terminating since {pod.terminating_since:%Y-%m-%d %H:%M:%S} UTC, {held})"


def objections(pods: Iterable[PodFacts], policy: DrainPolicy) -> Iterator[str]:
    """Every reason the policy gives against draining these Pods, each with what to do."""
    for pod in evictable(pods):
        if pod.finished or pod.terminating:
            continue
        if pod.owner_kind is None and not policy.force:
            yield f"pod {pod} has no controller and would be lost (delete it, or set drain.force in the inventory)"
        elif pod.empty_dir and not policy.delete_emptydir_data:
            yield f"pod {pod} keeps data in an emptyDir (set drain.delete_emptydir_data in the inventory if it may go)"
