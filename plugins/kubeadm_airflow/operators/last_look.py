"""Look at a cluster for its own sake, so that the fleet's page knows how it stands also between two upgrades."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Context

from kubeadm_airflow.last_look import keep_last_look
from kubeadm_airflow.operators.run import ClusterOperator
from kubeadm_upgrade.inventory import load_cluster_named


class LastLookOperator(ClusterOperator):
    """Ask the API alone, no host: versions, kubelets, who is Ready, and the ledger's marks.

    Returns what it has seen, which stands in the reports directory as well.
    """

    async def aexecute(self, context: Context) -> dict[str, Any]:
        from kubeadm_airflow.hooks.cluster_scene import look_at_result

        result = await look_at_result(load_cluster_named(self.cluster))
        version = result.control_plane.cluster_version
        seen = keep_last_look(context, self.cluster, version, result.nodes, result.ledger)
        kubelets = ", ".join(f"{count} at {kubelet}" for kubelet, count in seen.kubelets.items())
        self.log.info("%s: control plane %s, kubelets: %s", self.cluster, seen.version, kubelets)
        return seen.to_json()
