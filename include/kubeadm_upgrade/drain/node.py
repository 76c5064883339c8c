"""A node's drain as a whole: what is on it, whom to ask for now, and what is still to leave it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from kubeadm_upgrade.actions import Action, Evict, EvictOrDelete, MarkToCome, cordon
from kubeadm_upgrade.assignment import Assignment
from kubeadm_upgrade.drain import to_come
from kubeadm_upgrade.drain.filters import leaving, staying, to_evict
from kubeadm_upgrade.drain.obstacle import told
from kubeadm_upgrade.drain.waiting import obstacles
from kubeadm_upgrade.facts import Facts, NodeFacts
from kubeadm_upgrade.ledger.ledger import Ledger


def is_drained(facts: Facts) -> bool:
    """Cordoned, every Pod gone that has to go, and the volumes of those that went."""
    return facts.node.unschedulable and not leaving(facts.pods, facts.policy.drain) and not facts.attached


def wanted(facts: Facts, by: str) -> Iterator[Action]:
    """What is to be done now: what goes first has gone before what comes next is asked to."""
    if facts.node.schedulable:
        yield cordon(facts.node.name, facts.node.resource_version, by)
    if facts.to_mark:
        yield MarkToCome(facts.to_mark)
    yield from _evictions(facts)


def _evictions(facts: Facts) -> Iterator[Action]:
    """What somebody has agreed to delete comes last, one by one: what goes by itself may make room for it."""
    permit = facts.ledger.permit_of(facts.node.name, facts.run)
    goes = [(one.pod, one.treatment.grace) for one in to_evict(facts.pods, facts.policy.drain)]
    agreed = {pod.uid: there for pod, _ in goes if permit and (there := permit.of(pod.uid))}
    for pod, grace in goes:
        if pod.uid not in agreed:
            yield Evict(pod.namespace, pod.name, pod.uid, grace)
    for pod, grace in goes:
        if pod.uid in agreed:
            yield EvictOrDelete(pod.namespace, pod.name, pod.uid, grace, agreed[pod.uid].approval)


def nodes_to_mark(work: Assignment, nodes: Iterable[NodeFacts], ledger: Ledger) -> tuple[str, ...]:
    """Workers that come after this one and do not show it yet; none where that is another node's to do."""
    order = work.hop.workers
    if work.node not in order or not to_come.comes_first(work.node, order, ledger, work.run):
        return ()
    there = tuple(nodes)
    behind = (node.name for node in there if node.kubelet < work.hop.to and node.name != work.node)
    marked = (node.name for node in there if to_come.is_marked(node.taints))
    return to_come.to_be_marked(order, ledger, behind, marked)


def left(facts: Facts) -> str:
    """What is waited for, in words."""
    there = told(obstacles(leaving(facts.pods, facts.policy.drain), facts.attached, facts.now))
    if not there:
        return f"{facts.node.name} to show as cordoned"
    return "; ".join((f"pods to go from {facts.node.name}: {there}", *deleted(facts)))


def deleted(facts: Facts) -> tuple[str, ...]:
    """What was deleted here and not evicted, by whose word: by the ledger, which outlives whoever has done it."""
    permit = facts.ledger.permit_of(facts.node.name, facts.run)
    return tuple(one.told for one in permit.deleted) if permit else ()


def drained(facts: Facts, by: str) -> Facts:
    """The facts as they will be."""
    node = replace(facts.node, unschedulable=True, cordoned_by=by if facts.node.schedulable else facts.node.cordoned_by)
    return replace(facts, node=node, pods=staying(facts.pods, facts.policy.drain), attached=(), to_mark=())
