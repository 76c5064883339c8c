"""What does the cluster itself say of its nodes? Asked as an administrator's kubectl asks."""

from __future__ import annotations

import base64
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

_AS_TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json"


@dataclass(frozen=True)
class NodeSeen:
    """A node as the Kubernetes API shows it."""

    name: str
    status: str
    kubelet: str


class KubernetesNodes:
    """The nodes of one cluster; keeps the last answer for the moments in which the API is being replaced."""

    def __init__(self, kubeconfig: Path) -> None:
        config = yaml.safe_load(kubeconfig.read_text())
        self._server = config["clusters"][0]["cluster"]["server"]
        self._http = httpx.Client(verify=_tls(config), trust_env=False, timeout=5)
        self._last: tuple[NodeSeen, ...] = ()

    def look(self) -> tuple[NodeSeen, ...]:
        try:
            answer = self._http.get(f"{self._server}/api/v1/nodes")
            if answer.is_success:
                self._last = tuple(_seen(item) for item in answer.json()["items"])
        except httpx.HTTPError:
            pass
        return self._last

    def table(self) -> list[list[str]]:
        """The lines of `kubectl get nodes`, heading first: the columns that it shows without -o wide."""
        answer = self._http.get(f"{self._server}/api/v1/nodes", headers={"Accept": _AS_TABLE}).json()
        shown = [number for number, column in enumerate(answer["columnDefinitions"]) if column["priority"] == 0]
        heading = [answer["columnDefinitions"][number]["name"].upper() for number in shown]
        return [heading, *([str(row["cells"][number]) for number in shown] for row in answer["rows"])]

    def close(self) -> None:
        self._http.close()


def _seen(item: dict[str, Any]) -> NodeSeen:
    conditions = {one["type"]: one["status"] for one in item["status"].get("conditions", ())}
    ready = conditions.get("Ready")
    status = "Unknown" if ready == "Unknown" else "NotReady" if ready != "True" else "Ready"
    if status == "Ready" and item["spec"].get("unschedulable"):
        status = "cordoned"
    return NodeSeen(item["metadata"]["name"], status, item["status"]["nodeInfo"]["kubeletVersion"])


def _tls(config: dict[str, Any]) -> ssl.SSLContext:
    authority = base64.b64decode(config["clusters"][0]["cluster"]["certificate-authority-data"])
    context = ssl.create_default_context(cadata=authority.decode())
    user = config["users"][0]["user"]
    # ssl takes a client certificate from a file only
    with tempfile.NamedTemporaryFile(suffix=".pem") as pair:
        pair.write(base64.b64decode(user["client-certificate-data"]))
        pair.write(base64.b64decode(user["client-key-data"]))
        pair.flush()
        context.load_cert_chain(pair.name)
    return context
