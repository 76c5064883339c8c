"""Walks a whole hop in this process: the same port, engine and trigger as in Airflow, without its scheduler."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from datetime import date

import yaml
from airflow.triggers.base import TaskSuccessEvent

from harness.fleet import ACCOUNT, RIGHTS, LabFleet, write_inventory
from kubeadm_airflow.hooks.cluster_scene import look_at_result, look_at_scene, look_at_state
from kubeadm_airflow.hooks.node_connection import NodeConnection
from kubeadm_airflow.triggers import StepTrigger
from kubeadm_upgrade import errors
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.inventory import Cluster, load_cluster_named
from kubeadm_upgrade.next_hop import Wish, next_hop, path_for
from kubeadm_upgrade.planning.path import Path
from kubeadm_upgrade.planning.state import State
from kubeadm_upgrade.preflight import Finding, findings
from kubeadm_upgrade.procedure import GROUPS, STEPS
from kubeadm_upgrade.releases.known import releases
from kubeadm_upgrade.steps import perform
from kubeadm_upgrade.verify import shortcomings
from lab import Lab, LabCluster


@dataclass(frozen=True)
class Walker:
    """One cluster of a lab, and how to upgrade it."""

    lab: LabCluster
    name: str

    @property
    def cluster(self) -> Cluster:
        return load_cluster_named(self.name)

    async def plan(self, run: str = "run-1", **wish: object) -> Hop:
        hop, _ = await self.plan_path(run, **wish)
        return hop

    async def plan_path(self, run: str = "run-1", **wishes: object) -> tuple[Hop, Path]:
        """The hop that comes first, as XCom carries it, and the whole path."""
        cluster = self.cluster
        wish = Wish(cluster.target_version, run, **wishes)
        state = State.from_json(json.loads(json.dumps((await look_at_state(cluster, wish.target)).to_json())))
        path = path_for(cluster, state, wish, releases())
        return Hop.from_json(json.loads(json.dumps(next_hop(cluster, state, wish, path).to_json()))), path

    async def preflight(self, hop: Hop) -> tuple[Finding, ...]:
        return findings(await look_at_scene(self.cluster, hop, date(2026, 11, 23)))

    async def upgrade(self, hop: Hop) -> list[str]:
        """Every group in its order, its nodes side by side; returns every step's status."""
        statuses: list[str] = []
        for group in GROUPS:
            done = await asyncio.gather(*(self.walk(hop, group, node) for node in hop.nodes_of(group)))
            statuses += [status for one in done for status in one]
        return statuses

    async def walk(self, hop: Hop, group: str, node: str) -> list[str]:
        return [(await self.step(hop, group, node, step.name))["status"] for step in GROUPS[group]]

    async def step(self, hop: Hop, group: str, node: str, step: str) -> dict[str, object]:
        """One task: what its operator does, then what its trigger does."""
        told: tuple[str, ...] = ()
        try:
            async with NodeConnection.open(self.cluster, hop, group, node) as port:
                result = await perform(STEPS[step], hop, lambda: port.look(STEPS[step]), port.act)
        except errors.Unreachable as error:
            result, told = None, error.told
        if hasattr(result, "status"):
            return result.to_json()
        told = result.actions if result is not None else told
        trigger = StepTrigger(
            cluster=self.name, group=group, step=step, node=node, hop=hop.to_json(), told=list(told), deadline=None
        )
        event = await anext(aiter(trigger.run()))
        if isinstance(event, TaskSuccessEvent):
            return event.xcoms["return_value"]
        raise getattr(errors, event.payload["error"])(event.payload["message"])

    async def shortcomings(self, hop: Hop) -> list[str]:
        return list(shortcomings(hop, *await look_at_result(self.cluster)))


def join(lab: Lab, directory, monkeypatch, *, target: str = "1.29", **settings: object) -> dict[str, Walker]:
    """Grant the documented rights, write the inventory, and set the connections."""
    for cluster in lab.clusters.values():
        cluster.apply(list(yaml.safe_load_all(RIGHTS.read_text())))
        cluster.service_account_kubeconfig(*ACCOUNT.split("/"))
    fleet = LabFleet(lab.description())
    for name in fleet.clusters:
        write_inventory(directory, fleet.inventory(name, target, **settings))
    monkeypatch.setenv("KUBEADM_UPGRADE_INVENTORY", str(directory))
    for key, value in fleet.environment().items():
        monkeypatch.setenv(key, value)
    monkeypatch.setattr("kubeadm_airflow.triggers.POLL_SECONDS", 0.05)
    return {name: Walker(lab.clusters[name], name) for name in fleet.clusters}
