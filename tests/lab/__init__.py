"""Simulated kubeadm clusters over real wires: an SSH server per node, an HTTPS Kubernetes API per cluster."""

from __future__ import annotations

from lab.lab import Lab
from lab.lab_cluster import LabCluster, NodeState
from lab.latency import Latency
from lab.machines import LabNode
from lab.records import ApiRecord, CommandRecord, Sample
from lab.spec import Budget, ClusterSpec, Workload

__all__ = [
    "ApiRecord",
    "Budget",
    "ClusterSpec",
    "CommandRecord",
    "Lab",
    "LabCluster",
    "LabNode",
    "Latency",
    "NodeState",
    "Sample",
    "Workload",
]
