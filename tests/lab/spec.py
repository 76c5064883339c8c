"""What clusters does a lab hold, and what runs in them before anybody touches them?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Workload:
    """A Deployment of plain web pods; the label ``app`` carries its name."""

    name: str
    replicas: int
    namespace: str = "shop"


@dataclass(frozen=True)
class Budget:
    """A PodDisruptionBudget over the pods of the workload ``app``."""

    name: str
    app: str
    min_available: int | str | None = None
    max_unavailable: int | str | None = None
    namespace: str = "shop"


WORKLOADS = (Workload("web", 4), Workload("api", 2), Workload("batch", 2))
BUDGETS = (Budget("web", "web", min_available=3), Budget("api", "api", max_unavailable=1))


@dataclass(frozen=True)
class ClusterSpec:
    """One simulated kubeadm cluster.

    ``etcd_data`` and ``certificates`` are etcd.local.dataDir and certificatesDir of kubeadm-config.
    ``repository`` may say ``base`` (URL before ``/v1.N/deb/``), ``format`` (``list`` or ``sources``),
    ``keyring`` (path of the key on the hosts) and ``missing`` (minors the repository answers 404 for).
    """

    name: str
    control_plane: int = 1
    workers: int = 3
    version: str = "1.28.15"
    workloads: tuple[Workload, ...] = WORKLOADS
    pdbs: tuple[Budget, ...] = BUDGETS
    repository: Mapping[str, object] = field(default_factory=dict)
    etcd_data: str = "/var/lib/etcd"
    certificates: str = "/etc/kubernetes/pki"

    @property
    def control_plane_nodes(self) -> tuple[str, ...]:
        return tuple(f"{self.name}-cp{n}" for n in range(1, self.control_plane + 1))

    @property
    def worker_nodes(self) -> tuple[str, ...]:
        return tuple(f"{self.name}-w{n}" for n in range(1, self.workers + 1))

    @property
    def nodes(self) -> tuple[str, ...]:
        return self.control_plane_nodes + self.worker_nodes


DEMO_CLUSTERS = (ClusterSpec("demo-a"), ClusterSpec("demo-b", control_plane=3, workers=4))
