"""Wait and see: a node Ready, a control plane healthy, a kubelet through with its restart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from kubeadm_upgrade.actions import Action, GiveSlotBack
from kubeadm_upgrade.admission.gates import ailments
from kubeadm_upgrade.drain.pod import PodFacts
from kubeadm_upgrade.durations import told
from kubeadm_upgrade.facts import Facts
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.installs import on_host
from kubeadm_upgrade.leases import Lease
from kubeadm_upgrade.steps import Need, Step

_TAKEN_IN = timedelta(seconds=30)  # after which a kubelet has surely read its manifests: it looks every 20 s
_LEFT_AS_THEY_ARE = timedelta(minutes=3)  # and after which one of another minor release has surely made them anew


class ControlPlaneReady(Step):
    """See the whole control plane and every member of etcd healthy before the next node is touched."""

    # an earlier run may have restarted this node's kubelet a moment ago: nobody else waits for what comes of it

    needs = frozenset({Need.HOST, Need.CONTROL_PLANE, Need.ETCD})
    patience = "control_plane"

    def done(self, facts: Facts, hop: Hop) -> bool:
        return self._healthy(facts, hop) and facts.slot is None

    def refuse(self, facts: Facts, hop: Hop) -> str | None:
        """Somebody may have marked the step before as success: with the slot all would go that tells of it."""
        if facts.slot is None or not facts.slot.doing:
            return None
        return f"{facts.slot.doing} is not known to have ended well: clear its kubeadm_upgrade task as well"

    def actions(self, facts: Facts, hop: Hop) -> Iterator[Action]:
        if self._healthy(facts, hop):
            yield GiveSlotBack(facts.node.name)

    def pending(self, facts: Facts, hop: Hop) -> str:
        if ailing := ailments(facts):
            return "; ".join(ailing)
        if not arrived(facts, hop):
            return f"the static Pods of {facts.node.name} to be at {hop.to.tag}"
        return not_through(facts)

    def promise(self, facts: Facts, hop: Hop) -> Facts:
        return without_slot(as_through(facts, _LEFT_AS_THEY_ARE))

    def _healthy(self, facts: Facts, hop: Hop) -> bool:
        return arrived(facts, hop) and not ailments(facts) and through(facts, _LEFT_AS_THEY_ARE)


class NodeReady(Step):
    """See the node Ready at the target version, heard from since its kubelet was restarted, its DaemonSet Pods as well.

    For as long as the cluster's file says (rollout.ready_for).
    """

    # All times but the heartbeat's are the host's own: kubelet, conditions and lease are of one clock.

    needs = frozenset({Need.HOST, Need.PODS, Need.LEASE})
    patience = "ready"

    def done(self, facts: Facts, hop: Hop) -> bool:
        return self._missing(facts, hop) is None

    def pending(self, facts: Facts, hop: Hop) -> str:
        return self._missing(facts, hop) or super().pending(facts, hop)

    def promise(self, facts: Facts, hop: Hop) -> Facts:
        return as_restarted(facts, hop)

    def _missing(self, facts: Facts, hop: Hop) -> str | None:
        """The first that is not as it is to be."""
        node, started = facts.node, facts.host.kubelet_started
        if not node.ready or node.kubelet != hop.to:
            return not_running(facts) or f"{_readiness(facts)}, with kubelet {node.kubelet}{_last_words(facts)}"
        if not _since(node.heartbeat, started):
            return f"a heartbeat of {node.name} from after the restart of its kubelet"
        if not _since(facts.lease.renewed if facts.lease else None, started):
            return f"the kubelet of {node.name} to renew its lease after its restart"
        if away := [str(pod) for pod in facts.pods if not _is_back(pod, started)]:
            return f"DaemonSet Pods of {node.name} to be Ready again: {', '.join(away)}"
        if time_as_it_is(facts) < facts.policy.strategy.ready_for:
            return f"{node.name} to have been Ready for {told(facts.policy.strategy.ready_for)}"
        return None


class StaticPodsReady(Step):
    """See the restarted kubelet of a control plane node through: its static Pods made anew, everything healthy."""

    # "All containers are restarted after upgrade, because the container spec hash value is changed": a kubelet of
    # another minor release takes its static Pods down seconds after its Node is Ready, and makes them anew
    # (golden/kubelet-restart-control-plane-1.33-to-1.34-timeline.txt). One of the same minor release leaves them.

    needs = frozenset({Need.HOST, Need.CONTROL_PLANE, Need.ETCD})
    patience = "control_plane"

    def done(self, facts: Facts, hop: Hop) -> bool:
        return through(facts, self._at_most(hop)) and not ailments(facts)

    def pending(self, facts: Facts, hop: Hop) -> str:
        return "; ".join(ailments(facts)) or not_through(facts)

    def promise(self, facts: Facts, hop: Hop) -> Facts:
        return as_through(facts, self._at_most(hop))

    def _at_most(self, hop: Hop) -> timedelta:
        return _LEFT_AS_THEY_ARE if hop.changes_minor else _TAKEN_IN


def time_as_it_is(facts: Facts) -> timedelta:
    """How long the node, its kubelet and its DaemonSet Pods have been as they are, by the host's clock."""
    started, age = facts.host.kubelet_started, facts.host.kubelet_age
    if started is None or age is None:
        return timedelta()
    changes = [facts.node.ready_changed, *(pod.ready_changed for pod in facts.pods if _is_daemon(pod) and pod.ready)]
    return started + age - max([started, *filter(None, changes)])


def _since(moment: datetime | None, started: datetime | None) -> bool:
    return moment is not None and started is not None and moment >= started


def _is_daemon(pod: PodFacts) -> bool:
    return pod.owner_kind == "DaemonSet" and not pod.terminating


def _is_back(pod: PodFacts, started: datetime | None) -> bool:
    """One that was not Ready before the restart either is not waited for."""
    was_away = pod.ready_changed is not None and started is not None and pod.ready_changed < started
    return not _is_daemon(pod) or pod.ready or was_away


def _readiness(facts: Facts) -> str:
    node = facts.node
    return f"{node.name} is Ready" if node.ready else f"{node.name} is not Ready: {node.why_not_ready}"


def _last_words(facts: Facts) -> str:
    return f"; the journal of its kubelet ends: {facts.host.kubelet_journal}" if facts.host.kubelet_journal else ""


def through(facts: Facts, at_most: timedelta) -> bool:
    """Whether a control plane node's kubelet has made its static Pods anew, or has run so long that it will not."""
    started, age = facts.host.kubelet_started, facts.host.kubelet_age
    if started is None or age is None:
        return False
    here = [pod for pod in facts.control_plane.static_pods if pod.node == facts.node.name]
    return age >= at_most or all(pod.created is not None and pod.created >= started for pod in here)


def as_through(facts: Facts, at_most: timedelta) -> Facts:
    return facts if through(facts, at_most) else on_host(facts, kubelet_age=at_most)


def not_through(facts: Facts) -> str:
    return not_running(facts) or f"the kubelet of {facts.node.name} to be through with its static Pods"


def arrived(facts: Facts, hop: Hop) -> bool:
    """Whether the API shows this node's static Pods, and kubeadm's own record, at the target."""
    return facts.control_plane.arrived(facts.node.name, hop.to, hop.etcd_pin)


def not_running(facts: Facts) -> str | None:
    """A sentence where the kubelet does not stay up, with its own last words."""
    if facts.host.kubelet_started is not None:
        return None
    said = f"; its journal ends: {facts.host.kubelet_journal}" if facts.host.kubelet_journal else ""
    return f"the kubelet of {facts.node.name} does not stay up{said}"


def as_restarted(facts: Facts, hop: Hop) -> Facts:
    started = facts.host.kubelet_started or datetime.min.replace(tzinfo=UTC)
    node = replace(facts.node, kubelet=hop.to, ready=True, heartbeat=started, ready_changed=started)
    there = on_host(facts, kubelet_outdated=False, kubelet_started=started, kubelet_restarting=False)
    pods = tuple(replace(pod, ready=True, ready_changed=started) if _is_daemon(pod) else pod for pod in facts.pods)
    lease = Lease(facts.node.name, renewed=started)
    age = max(_TAKEN_IN, facts.policy.strategy.ready_for)
    return replace(on_host(there, kubelet_age=age), node=node, pods=pods, lease=lease)


def without_slot(facts: Facts) -> Facts:
    return replace(facts, ledger=facts.ledger.given_back(facts.node.name))
