"""A cluster that somebody else has made: a lab in a process of its own, known by what its owner hands over."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubernetes import client, config

from harness.fleet import RIGHTS
from harness.sessions import Guard, Session
from harness.settings import REPOSITORY, base_environment

_PATIENCE = 60.0


@dataclass(frozen=True)
class Foreign:
    """What a newcomer is handed: an administrator's kubeconfig, a user and a key for the hosts."""

    description: dict[str, Any]

    @property
    def admin_kubeconfig(self) -> Path:
        return Path(self._cluster["admin_kubeconfig"])

    @property
    def kubeconfig_lines(self) -> tuple[str, ...]:
        """How docs/rbac.yaml makes a kubeconfig of the account that it grants rights to."""
        shown = re.findall(r"^#   (kubectl .*?)(?: {4}#.*)?$", RIGHTS.read_text(), re.MULTILINE)
        return tuple(line for line in shown if not line.startswith("kubectl apply"))

    @property
    def answers(self) -> tuple[tuple[str, str], ...]:
        """What init asks, and what its owner would say."""
        port = next(iter(self._cluster["nodes"].values()))["port"]
        return (
            ("Kubeconfig", "fleet.kubeconfig"),
            ("Name of the cluster", "prod-1"),
            ("SSH user", self.description["ssh_user"]),
            ("SSH private key", self.description["ssh_key"]),
            ("SSH port", str(port)),
            ("Target version", ""),
            ("Have you compared them", "y"),
        )

    def versions(self) -> set[str]:
        """Of all kubelets."""
        api = client.CoreV1Api(config.new_client_from_config(str(self.admin_kubeconfig)))
        try:
            return {node.status.node_info.kubelet_version for node in api.list_node().items}
        finally:
            api.api_client.close()

    @property
    def _cluster(self) -> dict[str, Any]:
        found: dict[str, Any] = self.description["clusters"]["prod-1"]
        return found


@contextmanager
def foreign_cluster(folder: Path) -> Iterator[Foreign]:
    """One control plane node and three workers at 1.28, at human speed."""
    guard = Guard()
    command = [sys.executable, "-m", "lab", "--latency", "human", "--directory", str(folder), "--cluster"]
    environment = {**base_environment(), "PYTHONPATH": str(REPOSITORY / "tests"), "PYTHONUNBUFFERED": "1"}
    lab = Session([*command, "prod-1:1+3@1.28.15"], environment, folder.with_suffix(".log"), guard, folder.parent)
    try:
        yield Foreign(_description(folder / "lab.json"))
    finally:
        lab.stop(3.0)
        guard.close()


def _description(path: Path) -> dict[str, Any]:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            found: dict[str, Any] = json.loads(path.read_text())
        except (FileNotFoundError, ValueError):
            assert time.monotonic() < deadline, f"there is no {path} after {_PATIENCE:.0f} s"
            time.sleep(0.1)
        else:
            return found
