"""Wait and see: a node Ready, a control plane healthy, a kubelet through with its restart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from kubeadm_upgrade.actions import Action, GiveSlotBack
from kubeadm_upgrade.admission.gates import ailments
from kubeadm_upgrade.facts import Facts
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.installs import on_host
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
    """See the node Ready at the target version, from after its kubelet was restarted."""

    needs = frozenset({Need.HOST})
    patience = "ready"

    def done(self, facts: Facts, hop: Hop) -> bool:
        return facts.node.ready and facts.node.kubelet == hop.to and self._fresh(facts)

    def pending(self, facts: Facts, hop: Hop) -> str:
        node = facts.node
        if not node.ready or node.kubelet != hop.to:
            said = f"{node.name} is not Ready: {node.why_not_ready}" if not node.ready else f"{node.name} is Ready"
            return not_running(facts) or f"{said}, with kubelet {node.kubelet}"
        return f"a heartbeat of {node.name} from after the restart of its kubelet"

    def promise(self, facts: Facts, hop: Hop) -> Facts:
        return as_restarted(facts, hop)

    def _fresh(self, facts: Facts) -> bool:
        started, heartbeat = facts.host.kubelet_started, facts.node.heartbeat
        return started is not None and heartbeat is not None and heartbeat >= started


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
    node = replace(facts.node, kubelet=hop.to, ready=True, heartbeat=started)
    there = on_host(facts, kubelet_outdated=False, kubelet_started=started, kubelet_restarting=False)
    return replace(on_host(there, kubelet_age=_TAKEN_IN), node=node)


def without_slot(facts: Facts) -> Facts:
    return replace(facts, ledger=facts.ledger.given_back(facts.node.name))
