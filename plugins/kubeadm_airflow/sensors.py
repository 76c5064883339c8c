"""Sensors: tasks that touch no host and wait for the API to show what was promised."""

from __future__ import annotations

import asyncio

from airflow.sdk import BaseSensorOperator, Context

from kubeadm_airflow.operators.step import StepOperator
from kubeadm_upgrade.steps import Outcome


class StepSensor(StepOperator, BaseSensorOperator):
    """A step that only waits, as the deferrable sensor that it is.

    It looks once in the worker and waits, if it must, in the triggerer, as long as the cluster's file allows: a
    sensor's own poke_interval and timeout would hold a worker's slot, and know nothing of that file.
    """

    ui_color = "#fdf3e1"

    def poke(self, context: Context) -> bool:
        """Whether what is waited for is so now."""
        work = self._assignment(context)
        return isinstance(asyncio.run(self._attempt(work)), Outcome)


class NodeReadySensor(StepSensor):
    """Wait until a node is Ready at the target version, from after its kubelet was restarted."""


class StaticPodsReadySensor(StepSensor):
    """Wait until a restarted kubelet is through with its static Pods, and the control plane is healthy."""


class ControlPlaneReadySensor(StepSensor):
    """Wait until the whole control plane is healthy and this node's static Pods are at the target version."""
