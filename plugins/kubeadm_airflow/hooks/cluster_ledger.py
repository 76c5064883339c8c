"""Change the ledger in the cluster: written only as it was read, however often that takes."""

from __future__ import annotations

from collections.abc import Callable

from kubeadm_airflow.hooks.cluster_api import ClusterApi
from kubeadm_upgrade.assignment import RunId
from kubeadm_upgrade.errors import Conflict
from kubeadm_upgrade.inventory import Cluster, load_cluster_named
from kubeadm_upgrade.ledger.ledger import Ledger
from kubeadm_upgrade.ledger.steering import Action, Order
from kubeadm_upgrade.objects import read_nodes


async def change_ledger(cluster: Cluster, change: Callable[[Ledger], Ledger]) -> Ledger:
    """Write what is made of the ledger over what was looked at, and nothing where that changes nothing.

    Returns the ledger that was looked at: what the change was made of.
    """
    async with ClusterApi.open(cluster.kubernetes_conn_id) as api:
        while True:
            ledger, there = await api.ledger()
            if (changed := change(ledger)) == ledger:
                return ledger
            try:
                await api.write_ledger(changed, there)
            except Conflict:
                continue  # somebody was quicker: see who
            return ledger


async def note_failed(cluster: str, run: RunId, node: str, why: str) -> None:
    """A worker is for a person now, as the rollout counts it. Nothing where another run has the cluster."""
    await change_ledger(load_cluster_named(cluster), lambda ledger: ledger.with_failed(node, run, why))


async def steer(cluster: Cluster, order: Order) -> tuple[str, Ledger]:
    """Carry out an order. Returns what it has done, in a sentence, and the ledger as it is now."""
    if order.action is Action.GIVE_UP:
        async with ClusterApi.open(cluster.kubernetes_conn_id) as api:
            order.refuse_for({node.name: node.control_plane for node in read_nodes(await api.nodes())})
    before = await change_ledger(cluster, order.carried_out)
    return order.said(before), order.carried_out(before)
