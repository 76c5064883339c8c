"""Take a cluster and give it back: the lock of invariant I8, in the cluster's own ledger."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

from kubeadm_airflow.hooks.cluster_api import ClusterApi
from kubeadm_upgrade.assignment import RunId
from kubeadm_upgrade.errors import Conflict
from kubeadm_upgrade.inventory import Cluster
from kubeadm_upgrade.ledger.claim import why_not_claim
from kubeadm_upgrade.ledger.ledger import Ledger


async def claim(cluster: Cluster, run: RunId, take_over: str, give_up: Iterable[str]) -> str | None:
    """Take the cluster for this run. Returns why it cannot have it yet, None when it has."""
    return await _change(
        cluster,
        lambda ledger: why_not_claim(ledger, run, take_over),
        lambda ledger: ledger.claimed(run, datetime.now(UTC), give_up),
    )


async def release(cluster: Cluster, run: RunId, durations: Mapping[str, Iterable[float]]) -> None:
    """Give the cluster back, and leave behind how long steps took. Nothing where another run has it by now."""
    await _change(cluster, _not_held_by(run), lambda ledger: ledger.released(datetime.now(UTC), durations))


async def note_judgement(cluster: Cluster, run: RunId) -> None:
    """Preflight has found nothing that blocks, at this moment. Nothing where another run has the cluster by now."""
    await _change(cluster, _not_held_by(run), lambda ledger: ledger.judged(datetime.now(UTC)))


async def why_not_go_on(cluster: Cluster, run: RunId) -> str | None:
    """Why no run may come after this one by itself; None where one may."""
    async with ClusterApi.open(cluster.kubernetes_conn_id) as api:
        ledger, _ = await api.ledger()
    if reason := _not_held_by(run)(ledger):
        return reason
    return None if ledger.aborted is None else f"this run was aborted ({ledger.aborted})"


def _not_held_by(run: RunId) -> Callable[[Ledger], str | None]:
    return lambda ledger: None if ledger.is_held_by(run) else f"{run} does not hold this cluster any more"


async def _change(
    cluster: Cluster, why_not: Callable[[Ledger], str | None], change: Callable[[Ledger], Ledger]
) -> str | None:
    """Write what is made of the ledger over what was looked at, however often it takes. Returns why not."""
    async with ClusterApi.open(cluster.kubernetes_conn_id) as api:
        while True:
            ledger, there = await api.ledger()
            if reason := why_not(ledger):
                return reason
            try:
                await api.write_ledger(change(ledger), there)
            except Conflict:
                continue  # somebody was quicker: see who
            return None
