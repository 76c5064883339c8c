"""The hands that `python -m kubeadm_upgrade` borrows: the hooks that tasks use, outside of any task."""

from __future__ import annotations

import asyncio
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from kubeadm_airflow.hooks.access_look import look_at_access as _look_at_access
from kubeadm_airflow.hooks.cluster_api import ClusterApi
from kubeadm_airflow.hooks.cluster_scene import look_at_state as _look_at_state
from kubeadm_airflow.hooks.host_scan import look_at_host_keys as _look_at_host_keys
from kubeadm_airflow.hooks.rehearsing import rehearse_now
from kubeadm_upgrade.access.known_hosts import HostKey
from kubeadm_upgrade.access.line import Line, Watcher
from kubeadm_upgrade.facts import NodeFacts
from kubeadm_upgrade.inventory import Cluster
from kubeadm_upgrade.objects import read_nodes
from kubeadm_upgrade.planning.state import State
from kubeadm_upgrade.rehearsal.finding import Rehearsal
from kubeadm_upgrade.version import TargetVersion


def look_at_access(cluster: Cluster, target: TargetVersion | None, watcher: Watcher) -> tuple[Line, ...]:
    with _quietly():
        return asyncio.run(_look_at_access(cluster, target, watcher))


def look_at_state(cluster: Cluster, target: TargetVersion | None) -> State:
    with _quietly():
        return asyncio.run(_look_at_state(cluster, target))


def rehearse(cluster: Cluster) -> Rehearsal:
    with _quietly():
        return asyncio.run(rehearse_now(cluster))


def look_at_nodes(cluster: Cluster) -> tuple[NodeFacts, ...]:
    async def look() -> tuple[NodeFacts, ...]:
        async with ClusterApi.open(cluster.kubernetes_conn_id) as api:
            return read_nodes(await api.nodes())

    with _quietly():
        return asyncio.run(look())


def look_at_host_keys(cluster: Cluster, nodes: Sequence[NodeFacts]) -> tuple[HostKey, ...]:
    with _quietly():
        return asyncio.run(_look_at_host_keys(cluster, nodes))


@contextmanager
def _quietly() -> Iterator[None]:
    """What Airflow and clients have to say belongs into a task's log, and not between a person and a table."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
