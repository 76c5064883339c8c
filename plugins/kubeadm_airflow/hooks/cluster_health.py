"""Whether a cluster is well between two workers, as far as its file goes by that: nothing else is looked at."""

from __future__ import annotations

from dataclasses import replace

from kubeadm_airflow.hooks import prometheus
from kubeadm_airflow.hooks.cluster_api import ClusterApi
from kubeadm_upgrade.facts import Facts
from kubeadm_upgrade.inventory import Cluster
from kubeadm_upgrade.objects import read_nodes
from kubeadm_upgrade.rollout.workload import unwell


async def look_at_health(api: ClusterApi, facts: Facts) -> Facts:
    health = facts.policy.strategy.health
    workloads = await api.workloads() if health.daemon_sets or health.workloads else ()
    says = await prometheus.ask(health.query) if health.query else ""
    return replace(facts, workloads=workloads, query_says=says)


async def unwell_now(cluster: Cluster) -> tuple[str, ...]:
    """The workloads that have not all their Pods, before a run has touched a node."""
    async with ClusterApi.open(cluster.kubernetes_conn_id) as api:
        out = sum(not node.ready for node in read_nodes(await api.nodes()))
        return unwell(await api.workloads(), out)
