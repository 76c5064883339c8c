"""Walks a whole hop in this process: the same port, engine and trigger as in Airflow, without its scheduler."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import yaml
from airflow.triggers.base import TaskSuccessEvent

from harness.fleet import ACCOUNT, RIGHTS, LabFleet, write_inventory
from kubeadm_airflow.hooks.cluster_claim import claim, note_judgement, release
from kubeadm_airflow.hooks.cluster_scene import judge, look_at_result, look_at_state
from kubeadm_airflow.hooks.node_connection import NodeConnection
from kubeadm_airflow.so_far import SoFar
from kubeadm_airflow.triggers import StepTrigger
from kubeadm_airflow.waiting import Telling
from kubeadm_upgrade import errors
from kubeadm_upgrade.assignment import Assignment, RunId
from kubeadm_upgrade.board.xcoms import outcomes_of
from kubeadm_upgrade.engine import perform
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.inventory import Cluster, load_cluster_named
from kubeadm_upgrade.next_hop import Wish, next_hop, path_for
from kubeadm_upgrade.planning.path import Path
from kubeadm_upgrade.planning.state import State
from kubeadm_upgrade.preflight import Finding
from kubeadm_upgrade.procedure import GROUPS, STEPS, TASKS
from kubeadm_upgrade.releases.known import releases
from kubeadm_upgrade.steps import Outcome, Pending, Progress
from kubeadm_upgrade.tasks import Task
from kubeadm_upgrade.verify import shortcomings, unsettled
from lab import Lab, LabCluster

Json = dict[str, Any]


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
        """The hop that comes first, as XCom carries it, and the whole path: of a run that has the cluster."""
        cluster = self.cluster
        assert await claim(cluster, RunId(run), "", ()) is None
        wish = Wish(cluster.target_version, **wishes)
        state = State.from_json(json.loads(json.dumps((await look_at_state(cluster, wish.target)).to_json())))
        path = path_for(cluster, state, wish, releases())
        return Hop.from_json(json.loads(json.dumps(next_hop(cluster, state, wish, path).to_json()))), path

    async def preflight(self, hop: Hop, run: str = "run-1") -> tuple[Finding, ...]:
        """What it finds; as if nothing blocked, for whoever goes on all the same."""
        found = await judge(self.cluster, hop)
        await note_judgement(self.cluster, RunId(run))
        return found

    async def upgrade(self, hop: Hop, run: str = "run-1") -> list[str]:
        """Every group in its order, its nodes side by side; returns every step's status."""
        await note_judgement(self.cluster, RunId(run))
        statuses: list[str] = []
        for group in GROUPS:
            done = await asyncio.gather(*(self.walk(hop, group, node, run) for node in hop.nodes_of(group)))
            statuses += [status for one in done for status in one]
        return statuses

    async def walk(self, hop: Hop, group: str, node: str, run: str = "run-1") -> list[str]:
        outcomes = [one for task in TASKS[group] for one in await self.task(hop, group, node, task, run)]
        return [str(one["status"]) for one in outcomes]

    async def task(self, hop: Hop, group: str, node: str, task: Task, run: str = "run-1") -> list[Json]:
        """What its operator does, then what its trigger does: every step's outcome."""
        so_far = SoFar.beginning(Assignment(self.name, RunId(run), hop, group, task.steps[0].name, node))
        while isinstance(result := await self._attempt(so_far.work), Outcome):
            if not so_far.add(result, quiet):
                return so_far.done
        return outcomes_of(await _awaited(StepTrigger(**so_far.to_json(), progress=result.progress.to_json())))

    async def step(self, hop: Hop, group: str, node: str, step: str, run: str = "run-1") -> Json:
        """One step alone, as if its task had no other."""
        so_far = SoFar.beginning(Assignment(self.name, RunId(run), hop, group, step, node))
        result = await self._attempt(so_far.work)
        if isinstance(result, Outcome):
            so_far.add(result, quiet)
            return so_far.done[0]
        return await _awaited(OfOneStep(**so_far.to_json(), progress=result.progress.to_json()))

    async def _attempt(self, work: Assignment) -> Outcome | Pending:
        try:
            async with NodeConnection.open(self.cluster, work) as port:
                return await perform(STEPS[work.step], work.hop, port)
        except errors.Unreachable as error:
            return Pending(str(error), error.progress or Progress())

    async def shortcomings(self, hop: Hop, run: str = "run-1") -> list[str]:
        """What the result lacks, once it has settled as the task verify waits for it."""
        for _ in range(100):
            result = await look_at_result(self.cluster)
            if not list(unsettled(hop, result)):
                break
            await asyncio.sleep(0.1)
        return [*shortcomings(hop, RunId(run), result), *unsettled(hop, result)]

    async def release(self, run: str = "run-1") -> None:
        await release(self.cluster, RunId(run), {})


class OfOneStep(StepTrigger):
    """That ends its task with the step that it begins with."""

    async def _until_done(self, tell: Telling) -> Json:
        self.so_far.add(await self._until_step_done(tell), quiet, tell.waits)
        return self.so_far.done[0]


def quiet(*_: object) -> None:
    """A log that nobody reads."""


async def _awaited(trigger: StepTrigger) -> Any:
    event = await anext(aiter(trigger.run()))
    if isinstance(event, TaskSuccessEvent):
        return event.xcoms["return_value"]
    raise getattr(errors, event.payload["error"])(event.payload["message"])


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
    for module in ("triggers", "run_triggers"):
        monkeypatch.setattr(f"kubeadm_airflow.{module}.POLL_SECONDS", 0.05)
    return {name: Walker(lab.clusters[name], name) for name in fleet.clusters}
