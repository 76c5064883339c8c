"""What blocks a node's drain at a moment, and what of it may be deleted if somebody agrees: for whoever is asked."""

from __future__ import annotations

from dataclasses import dataclass, replace

from kubeadm_upgrade.assignment import RunId
from kubeadm_upgrade.drain.deletion import Around, why_kept
from kubeadm_upgrade.drain.obstacle import Obstacle
from kubeadm_upgrade.drain.pod import PodFacts
from kubeadm_upgrade.errors import OrderRefused
from kubeadm_upgrade.ledger.ledger import Ledger
from kubeadm_upgrade.ledger.steering import Action, steering_dag


@dataclass(frozen=True)
class Candidate:
    """A Pod that is not granted an eviction now."""

    pod: PodFacts
    refused: Obstacle
    owner: str  # in words
    healthy: int  # of its owner's Pods, itself among them
    replicas: int
    kept: str | None  # why it is never deleted; None: it may be, if somebody agrees

    @classmethod
    def of(cls, pod: PodFacts, refused: Obstacle, around: Around) -> Candidate:
        workload = around.workload_of(pod)
        replicas = around.replicas(workload) if workload else (pod,)
        owner = f"{pod.owner_kind} {pod.namespace}/{pod.owner_name}" if pod.owner_kind else "nobody"
        with_budgets = replace(refused, budgets=tuple(one.budget for one in around.under(pod)))
        healthy = sum(map(around.is_healthy, replicas))
        kept = _not_judged(refused) or why_kept(pod, around)
        return cls(pod, with_budgets, str(workload or owner), healthy, len(replicas), kept)


def _not_judged(refused: Obstacle) -> str | None:
    if refused.is_judged:
        return None
    said = "its budget has not judged yet" if refused.is_of_a_budget else "no budget keeps it"
    return f"{said}: {refused.words}"


@dataclass(frozen=True)
class Blocked:
    """A node whose drain does not go on."""

    cluster: str
    node: str
    cordoned: bool
    candidates: tuple[Candidate, ...]
    others: tuple[str, ...] = ()  # what no deletion would end, in words

    @property
    def may_go(self) -> tuple[Candidate, ...]:
        return tuple(one for one in self.candidates if one.kept is None)

    @property
    def stay(self) -> tuple[str, ...]:
        """What is not deleted, and why."""
        return (*(f"pod {one.pod}: {one.kept}" for one in self.candidates if one.kept is not None), *self.others)

    def check(self) -> None:
        """Raises OrderRefused where there is nothing to ask about."""
        if not self.cordoned:
            raise OrderRefused(f"{self.node} is not cordoned: its drain has not begun", do="see its board")
        if self.may_go:
            return
        why = f": {'; '.join(self.stay)}" if self.stay else ""
        what = f"nothing that blocks the drain of {self.node} may be deleted{why}"
        raise OrderRefused(what, do="mend what blocks it")


def run_that_drains(ledger: Ledger, cluster: str, node: str, meant: str = "") -> RunId:
    """The run that has this node out of service; `meant`: the only one that is to be. Raises OrderRefused.

    Also one that has ended: its failed task may be cleared, as long as no other run has come.
    """
    holder = ledger.holder
    if holder is None:
        raise OrderRefused(f"no run has {cluster}: nobody drains {node}", do="start one")
    if meant and holder.run.dag_run != meant:
        raise OrderRefused(
            f"{holder.run} has {cluster} by now, and not run {meant}: nothing is to be deleted",
            do="see the board of the run that has it",
        )
    if node in ledger.given_up:
        raise OrderRefused(
            f"{node} is given up in {holder.run} ({ledger.given_up[node]}): nobody drains it",
            do=f"start {steering_dag(cluster)} with {Action.TAKE_BACK} first",
        )
    if ledger.slot_of(node, holder.run) is None:
        raise OrderRefused(
            f"{node} is not out of service for {holder.run}: nobody drains it",
            do="name the node whose drain is blocked",
        )
    return holder.run
