"""What an Airflow must be told of a lab: inventory files and connections. Nothing else joins the two."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

Json = dict[str, Any]

RIGHTS = Path(__file__).resolve().parent.parent.parent / "docs" / "rbac.yaml"
ACCOUNT = "kube-system/kubeadm-fleet"


class LabFleet:
    """`description` is a lab's own: `Lab.description()`, or the lab.json of a lab in another process.

    The lab must have applied docs/rbac.yaml and made a kubeconfig of its service account: the upgrades run
    with the rights that the documentation grants, and with no others.
    """

    def __init__(self, description: Mapping[str, Any]) -> None:
        self._lab = description

    @property
    def clusters(self) -> tuple[str, ...]:
        return tuple(self._lab["clusters"])

    def inventory(self, cluster: str, target_version: str, **settings: Any) -> Json:
        """The cluster's file as data; `settings` are laid over it, those of `ssh` one by one."""
        small = {
            "name": cluster,
            "kubernetes_conn_id": _conn_id(cluster, "kubernetes"),
            "ssh_conn_id": _conn_id(cluster, "ssh"),
            "target_version": target_version,
        }
        ssh = {"known_hosts": self._lab["known_hosts"], **self._ports(cluster), **settings.pop("ssh", {})}
        nodes = {**self._addresses(cluster), **settings.pop("nodes", {})}
        return {**small, "ssh": ssh, **({"nodes": nodes} if nodes else {}), **settings}

    def connections(self, cluster: str) -> dict[str, Json]:
        """Connection id to connection, in Airflow's words; `extra` is data."""
        kubeconfig = self._lab["clusters"][cluster]["service_account_kubeconfigs"][ACCOUNT]
        return {
            _conn_id(cluster, "kubernetes"): {
                "conn_type": "kubernetes",
                "extra": {"kube_config_path": kubeconfig},
            },
            _conn_id(cluster, "ssh"): {
                "conn_type": "ssh",
                "login": self._lab["ssh_user"],
                "extra": {"key_file": self._lab["ssh_key"]},
            },
        }

    def environment(self) -> dict[str, str]:
        """The connections of all clusters as Airflow reads them from its environment."""
        every = [self.connections(cluster) for cluster in self.clusters]
        return {f"AIRFLOW_CONN_{name.upper()}": json.dumps(one) for some in every for name, one in some.items()}

    def api_connections(self, cluster: str) -> list[Json]:
        """The same for Airflow's REST API, for an Airflow that runs already."""
        return [
            {"connection_id": name, **one, "extra": json.dumps(one["extra"])}
            for name, one in self.connections(cluster).items()
        ]

    def _ports(self, cluster: str) -> Json:
        """One port for the whole cluster, where each node has an address of its own."""
        ports = {node["port"] for node in self._nodes(cluster).values()}
        return {"port": ports.pop()} if len(ports) == 1 else {}

    def _addresses(self, cluster: str) -> Json:
        """Where nodes share an address (a lab that is not on Linux), each is told by its port."""
        if self._ports(cluster):
            return {}
        nodes = self._nodes(cluster).items()
        return {name: {"address": node["address"], "port": node["port"]} for name, node in nodes}

    def _nodes(self, cluster: str) -> Mapping[str, Json]:
        nodes: Mapping[str, Json] = self._lab["clusters"][cluster]["nodes"]
        return nodes


def write_inventory(directory: Path, inventory: Mapping[str, Any]) -> Path:
    """Write a cluster's file in one step: the DAG processor may look at any moment."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{inventory['name']}.yaml"
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(yaml.safe_dump(dict(inventory), sort_keys=False))
    return unfinished.replace(path)


def _conn_id(cluster: str, kind: str) -> str:
    return f"{cluster.replace('-', '_')}_{kind}"
