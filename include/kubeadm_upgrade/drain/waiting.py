"""What a drain waits for that nobody refuses: Pods that are on their way, or are to finish, and volumes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from kubeadm_upgrade.drain.attachment import Attachment
from kubeadm_upgrade.drain.filters import Verdict
from kubeadm_upgrade.drain.obstacle import Obstacle, Why, of_finalizers
from kubeadm_upgrade.drain.pod import PodFacts
from kubeadm_upgrade.drain.rule import Behavior


def obstacles(there: Iterable[Verdict], attached: Iterable[Attachment], now: datetime) -> Iterator[Obstacle]:
    """Everything that must still leave the node."""
    for verdict in there:
        waits = verdict.treatment.behavior is Behavior.WAIT_COMPLETED and not verdict.pod.finished
        if waits and not verdict.pod.terminating:
            yield Obstacle(Why.COMPLETING, str(verdict.pod), "is to complete")
        else:
            yield on_its_way(verdict.pod, now)
    yield from (one.obstacle for one in attached)


def on_its_way(pod: PodFacts, now: datetime) -> Obstacle:
    """A Pod that is still there, and why it does not go where it should have gone by now."""
    if pod.terminating_since is None or pod.due is None or now <= pod.due:
        return Obstacle(Why.TERMINATING, str(pod), since=pod.terminating_since)
    held = of_finalizers(pod.finalizers) if pod.finalizers else "and its kubelet has not ended it"
    says = f"terminating since {pod.terminating_since:%Y-%m-%d %H:%M:%S} UTC, {held}"
    return Obstacle(Why.TERMINATING, str(pod), says, since=pod.terminating_since)
