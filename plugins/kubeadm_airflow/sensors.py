"""Sensors: tasks that touch nothing and wait for the API to show what was promised."""

from __future__ import annotations

from kubeadm_airflow.operators.step import StepOperator


class NodeReadySensor(StepOperator):
    """Wait until a node is Ready at the target version, from after its kubelet was restarted.

    It is the step `node_ready` under the name that Airflow's users look for; it looks once in the worker and
    waits, if it must, in the triggerer.
    """

    ui_color = "#fdf3e1"


class ControlPlaneReadySensor(StepOperator):
    """Wait until the whole control plane is healthy and this node's static Pods are at the target version."""

    ui_color = "#fdf3e1"
