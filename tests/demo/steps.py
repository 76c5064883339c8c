"""Which steps does a run have, and how many? The columns of the table, and what stands around them."""

from __future__ import annotations

from collections.abc import Mapping

from harness.rest import TaskInstance
from kubeadm_upgrade.procedure import CONTROL_PLANE_NODE, GROUPS, WORKER_NODE

# The columns, in the order in which a node passes them; a column stands for one or more steps.
COLUMNS: Mapping[str, tuple[str, ...]] = {
    "stage": tuple(step.name for step in GROUPS["stage"]),
    "backup": ("back_up",),
    "kubeadm": ("upgrade_kubeadm", "kubeadm_upgrade_plan", "configure_etcd"),
    "upgrade": ("kubeadm_upgrade", "kubeadm_upgrade_node", "control_plane_ready"),
    "drain": ("drain_node",),
    "kubelet": ("upgrade_kubelet_and_kubectl", "restart_kubelet"),
    "uncordon": ("node_ready", "static_pods_ready", "uncordon_node"),
}
# Tasks of the run as a whole, before and after the nodes'.
BEFORE, AFTER = ("claim", "look", "plan", "preflight"), ("verify", "report")
_HIDDEN = ("control_plane_nodes", "worker_nodes")
_GOES_ON = "next_hop"


def how_many(control_plane: int, workers: int) -> int:
    """The steps of a run that touches so many nodes, known before Airflow has mapped them."""
    run = len(BEFORE) + len(_HIDDEN) + len(AFTER)
    return run + control_plane * _of_a_node(CONTROL_PLANE_NODE) + workers * _of_a_node(WORKER_NODE)


def is_step(task: TaskInstance) -> bool:
    """Not one that only triggers the next run, and none of a group that is mapped over no node, or not yet."""
    return task.step != _GOES_ON and not (task.group and task.map_index < 0)


def _of_a_node(groups: tuple[str, ...]) -> int:
    return sum(len(GROUPS[group]) for group in groups)
