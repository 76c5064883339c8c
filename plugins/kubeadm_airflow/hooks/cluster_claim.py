"""Take a cluster and give it back: the lock of invariant I8, in the cluster's own ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

from kubeadm_airflow.hooks.cluster_api import ClusterApi
from kubeadm_airflow.hooks.cluster_health import unwell_now
from kubeadm_airflow.hooks.cluster_ledger import change_ledger
from kubeadm_upgrade.approval.approval import Approval
from kubeadm_upgrade.assignment import RunId
from kubeadm_upgrade.inventory import Cluster
from kubeadm_upgrade.ledger import claim as rules
from kubeadm_upgrade.ledger.ledger import Ledger


async def claim(cluster: Cluster, run: RunId, take_over: str, give_up: Iterable[str]) -> str | None:
    """Take the cluster for this run. Returns why it cannot have it yet, None when it has."""

    def claimed(ledger: Ledger) -> Ledger:
        return (
            ledger if rules.why_not_claim(ledger, run, take_over) else ledger.claimed(run, datetime.now(UTC), give_up)
        )

    return rules.why_not_claim(await change_ledger(cluster, claimed), run, take_over)


async def release(
    cluster: Cluster, run: RunId, durations: Mapping[str, Iterable[float]], *, ends_path: bool = False
) -> None:
    """Give the cluster back, and leave behind how long steps took. Nothing where another run has it by now.

    `ends_path`: all that was approved is done.
    """

    def released(ledger: Ledger) -> Ledger:
        left = ledger.at_the_end_of_its_path() if ends_path else ledger
        return left.released(datetime.now(UTC), durations)

    await change_ledger(cluster, _if_held_by(run, released))


async def keep_approval(cluster: Cluster, run: RunId, approval: Approval) -> bool:
    """Write down what was approved. False where it was not: another run has the cluster by now, or it was aborted."""

    def approved(ledger: Ledger) -> Ledger:
        """Written once, however often a task that was killed comes back with the same answer."""
        may = rules.why_not_go_on(ledger, run) is None
        return ledger.approved_as(approval) if may and ledger.approved != approval else ledger

    return rules.why_not_go_on(await change_ledger(cluster, approved), run) is None


async def ledger_of(cluster: Cluster) -> Ledger:
    """As it is now."""
    async with ClusterApi.open(cluster.kubernetes_conn_id) as api:
        return (await api.ledger())[0]


async def note_judgement(cluster: Cluster, run: RunId) -> None:
    """Preflight has found nothing that blocks, at this moment. Nothing where another run has the cluster by now."""
    unwell = await unwell_now(cluster) if cluster.rollout.strategy.health.workloads else None
    await change_ledger(cluster, _if_held_by(run, lambda ledger: ledger.judged(datetime.now(UTC), unwell)))


async def why_not_go_on(cluster: Cluster, run: RunId) -> str | None:
    """Why no run may come after this one by itself; None where one may."""
    return rules.why_not_go_on(await ledger_of(cluster), run)


def _if_held_by(run: RunId, change: Callable[[Ledger], Ledger]) -> Callable[[Ledger], Ledger]:
    return lambda ledger: change(ledger) if ledger.is_held_by(run) else ledger
