"""A cluster's file is read anew at every look; while it is being edited, what it said before holds."""

from __future__ import annotations

import asyncio
import logging

from kubeadm_upgrade.inventory import Cluster, InventoryError, load_cluster_named

log = logging.getLogger(__name__)


async def file_of_now(cluster: str, before: Cluster | None) -> Cluster:
    """Raises InventoryError where it cannot be used, and nobody has read it before."""
    try:
        return await asyncio.to_thread(load_cluster_named, cluster)
    except InventoryError as error:
        if before is None:
            raise
        log.warning("%s: its file cannot be used, so what it said before still holds: %s", cluster, error)
        return before
