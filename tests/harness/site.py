"""A lab and a real Airflow that upgrades its clusters: what whole-system tests share."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from harness.airflow import ONLY_ADMIN, AirflowInstance
from harness.fleet import ACCOUNT, RIGHTS, LabFleet, write_inventory
from harness.rest import AirflowApi, TaskInstance
from harness.settings import IMPATIENT
from lab import ClusterSpec, Lab, LabCluster, Latency

# control plane nodes, workers, and what the cluster's file says beyond the smallest one
Clusters = Mapping[str, tuple[int, int, Mapping[str, Any]]]


@dataclass(frozen=True)
class Site:
    """The lab, and the Airflow that upgrades its clusters."""

    lab: Lab
    airflow: AirflowInstance
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def api(self) -> AirflowApi:
        return self.airflow.api

    @property
    def inventory(self) -> Path:
        return Path(self.airflow.environment["KUBEADM_UPGRADE_INVENTORY"])

    def cluster(self, name: str) -> LabCluster:
        return self.lab.clusters[name]

    def start(self, cluster: str, **conf: Any) -> tuple[str, str]:
        """Trigger a run as the UI and the API do; returns dag_id and run_id."""
        dag_id, run_id = f"kubeadm_upgrade.{cluster}", f"test-{next(self._numbers)}"
        self.api.unpause(dag_id)
        self.api.trigger(dag_id, conf, run_id)
        return dag_id, run_id

    def run(self, cluster: str, patience: float = 240, **conf: Any) -> tuple[str, str]:
        """Trigger a run and see it succeed."""
        dag_id, run_id = self.start(cluster, **conf)
        state = self.api.wait_for_run(dag_id, run_id, patience)
        assert state == "success", self.trouble(dag_id, run_id)
        return dag_id, run_id

    def trouble(self, dag_id: str, run_id: str) -> str:
        """What the failed tasks of a run have logged, and which never ran, for an assertion's message."""
        tasks = self.api.task_instances(dag_id, run_id)
        failed = [f"{task}: {self.log_text(dag_id, run_id, task)}" for task in tasks if task.state == "failed"]
        return "\n".join((*failed, *(f"{task} {task.state}" for task in tasks if task.state == "upstream_failed")))

    def report(self, dag_id: str, run_id: str) -> dict[str, Any]:
        written: dict[str, Any] = json.loads(self.report_file(dag_id, run_id, "json").read_text())
        return written

    def report_page(self, dag_id: str, run_id: str) -> str:
        return self.report_file(dag_id, run_id, "md").read_text()

    def report_file(self, dag_id: str, run_id: str, kind: str) -> Path:
        """The id of a run that Airflow has named holds colons, which no file's name does."""
        return self.airflow.reports / dag_id / f"{quote(run_id, safe='+')}.{kind}"

    def log_text(self, dag_id: str, run_id: str, task: TaskInstance) -> str:
        lines = self.api.log(dag_id, run_id, task.task_id, task.map_index, task.try_number)
        return "\n".join(line.text for line in lines)


@contextmanager
def open_site(
    directory: Path,
    clusters: Clusters,
    broken: Mapping[str, Mapping[str, Any]],
    further: Callable[[Lab, LabFleet, Path], Mapping[str, str]] = lambda *_: {},
    users: Mapping[str, str] = ONLY_ADMIN,
    latency: Latency | None = None,
    intervals: Mapping[str, str] = IMPATIENT,
) -> Iterator[Site]:
    """Everything runs, and every cluster has its DAG; `broken` are files with a mistake each.

    `further` writes files of its own into the inventory, and returns the environment that they want. `intervals`: how
    often Airflow looks at what; without it, as often as airflow.env says.
    """
    specs = [
        ClusterSpec(name, control_plane=control_plane, workers=workers, version="1.28.15")
        for name, (control_plane, workers, _) in clusters.items()
    ]
    with Lab(directory / "lab", specs, latency) as lab:
        inventory = directory / "inventory"
        fleet = join(lab, inventory, clusters, broken)
        environment = {**environment_of(fleet, inventory, intervals), **further(lab, fleet, inventory)}
        with AirflowInstance(directory / "airflow", environment, users=users) as airflow:
            for name in clusters:
                airflow.api.wait_for_dag(f"kubeadm_upgrade.{name}")
            yield Site(lab, airflow)


def environment_of(fleet: LabFleet, inventory: Path, intervals: Mapping[str, str] = IMPATIENT) -> dict[str, str]:
    """What an Airflow of this fleet runs with."""
    return {**intervals, **fleet.environment(), "KUBEADM_UPGRADE_INVENTORY": str(inventory)}


def join(lab: Lab, inventory: Path, clusters: Clusters, broken: Mapping[str, Mapping[str, Any]]) -> LabFleet:
    """Grant the documented rights, and write the inventory."""
    for cluster in lab.clusters.values():
        cluster.apply(list(yaml.safe_load_all(RIGHTS.read_text())))
        cluster.service_account_kubeconfig(*ACCOUNT.split("/"))
    fleet = LabFleet(lab.description())
    for name, (_, _, settings) in clusters.items():
        write_inventory(inventory, fleet.inventory(name, "1.29", **settings))
    for name, mistake in broken.items():
        write_inventory(inventory, {**fleet.inventory(next(iter(clusters)), "1.29"), "name": name, **mistake})
    return fleet
