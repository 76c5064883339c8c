"""Whether a cluster is well between two workers: DaemonSets rolled out, workloads as before, a query of one's own.

Gates as any other, each for those clusters whose file wants it. What they need is looked at once, and only by whoever
all other gates let pass.
"""

from __future__ import annotations

from kubeadm_upgrade.facts import Facts
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.ledger.ledger import WORKER
from kubeadm_upgrade.rollout.workload import DAEMON_SET
from kubeadm_upgrade.wording import shortened

_SYSTEM = "kube-system"


def daemon_sets_rolled(facts: Facts, hop: Hop) -> str | None:
    """Every DaemonSet of kube-system has its Pods, of its newest revision, on all nodes that are in service."""
    if facts.lane.name != WORKER or not facts.policy.strategy.health.daemon_sets:
        return None
    system = (one for one in facts.workloads if (one.kind, one.namespace) == (DAEMON_SET, _SYSTEM))
    short = [one.told for one in system if not one.is_rolled(facts.lane.out)]
    return f"the DaemonSets of {_SYSTEM} to be rolled out: {shortened(short)}" if short else None


def workloads_as_before(facts: Facts, hop: Hop) -> str | None:
    """No workload is unwell that was well when the run was judged first."""
    holder = facts.ledger.holder
    if facts.lane.name != WORKER or not facts.policy.strategy.health.workloads or holder is None:
        return None
    before = frozenset(holder.unwell or ())
    short = [one.told for one in facts.workloads if not one.is_well(facts.lane.out) and str(one) not in before]
    return f"workloads that were well before this run: {shortened(short)}" if short else None


def query_passes(facts: Facts, hop: Hop) -> str | None:
    """The query has an answer, and nothing in it is 0: no answer is no health."""
    query = facts.policy.strategy.health.query
    if facts.lane.name != WORKER or query is None or not facts.query_says:
        return None
    return f"the query of {query.conn_id} to pass: {facts.query_says}"
