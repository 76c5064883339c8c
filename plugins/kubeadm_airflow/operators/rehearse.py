"""Rehearse the drains of a cluster for their own sake: days before, while there is time to mend what is in the way."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Context

from kubeadm_airflow.operators.run import ClusterOperator
from kubeadm_upgrade.inventory import load_cluster_named
from kubeadm_upgrade.rehearsal.page import lines


class RehearseOperator(ClusterOperator):
    """Try every eviction in a dry run, and look for room on the other nodes. Nothing is changed.

    Returns what was found. To have found something is no failure; not to have looked is one.
    """

    async def aexecute(self, context: Context) -> dict[str, Any]:
        from kubeadm_airflow.hooks.rehearsing import rehearse_unasked

        rehearsal = await rehearse_unasked(load_cluster_named(self.cluster))
        *found, summary = lines(rehearsal)
        for line in found:
            self.log.warning("%s", line)
        self.log.info("%s: %s", self.cluster, summary)
        return rehearsal.to_json()
