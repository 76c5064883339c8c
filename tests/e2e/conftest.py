"""One lab and one real Airflow for all whole-system tests: scheduler, triggerer, DAG processor and API server."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.airflow import AirflowInstance
from harness.fleet import ACCOUNT, RIGHTS, LabFleet, write_inventory
from harness.rest import AirflowApi, TaskInstance
from harness.settings import IMPATIENT
from lab import ClusterSpec, Lab, LabCluster

# control plane nodes, workers, and what the cluster's file says beyond the smallest one
CLUSTERS: dict[str, tuple[int, int, dict[str, Any]]] = {
    "one": (1, 3, {}),
    "two": (3, 4, {"max_unavailable": 2}),
    "half": (1, 4, {"max_unavailable": "50%"}),
    "stuck": (1, 3, {"timeouts": {"ready": 6}}),
    "killed": (1, 2, {}),
    "climb": (1, 3, {"max_unavailable": 2}),
    "stranger": (1, 1, {"ssh": {"known_hosts": "/dev/null"}}),
}

# One file for each of three mistakes: an unknown key, a bad version, a wrong type.
BROKEN = {
    "broken-key": {"max_unavailble": 2},
    "broken-version": {"target_version": "latest"},
    "broken-type": {"nodes": ["w1", "w2"]},
}


@dataclass(frozen=True)
class Site:
    """The lab, and the Airflow that upgrades its clusters."""

    lab: Lab
    airflow: AirflowInstance
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def api(self) -> AirflowApi:
        return self.airflow.api

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
        written: dict[str, Any] = json.loads((self.airflow.reports / dag_id / f"{run_id}.json").read_text())
        return written

    def report_page(self, dag_id: str, run_id: str) -> str:
        return (self.airflow.reports / dag_id / f"{run_id}.md").read_text()

    def log_text(self, dag_id: str, run_id: str, task: TaskInstance) -> str:
        lines = self.api.log(dag_id, run_id, task.task_id, task.map_index, task.try_number)
        return "\n".join(line.text for line in lines)


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Everything runs, and every cluster has its DAG."""
    directory = tmp_path_factory.mktemp("site")
    specs = [
        ClusterSpec(name, control_plane=control_plane, workers=workers, version="1.28.15")
        for name, (control_plane, workers, _) in CLUSTERS.items()
    ]
    with Lab(directory / "lab", specs) as lab:
        inventory = directory / "inventory"
        fleet = _join(lab, inventory)
        environment = {**IMPATIENT, **fleet.environment(), "KUBEADM_UPGRADE_INVENTORY": str(inventory)}
        with AirflowInstance(directory / "airflow", environment) as airflow:
            for name in CLUSTERS:
                airflow.api.wait_for_dag(f"kubeadm_upgrade.{name}")
            yield Site(lab, airflow)


@pytest.fixture(scope="session")
def climbing(site: Site) -> tuple[str, str]:
    """The first run of a path from 1.28 to 1.32. It takes minutes: whoever is first to use the site starts it."""
    return site.start("climb", target_version="1.32")


def _join(lab: Lab, inventory: Path) -> LabFleet:
    for cluster in lab.clusters.values():
        cluster.apply(list(yaml.safe_load_all(RIGHTS.read_text())))
        cluster.service_account_kubeconfig(*ACCOUNT.split("/"))
    fleet = LabFleet(lab.description())
    for name, (_, _, settings) in CLUSTERS.items():
        write_inventory(inventory, fleet.inventory(name, "1.29", **settings))
    for name, mistake in BROKEN.items():
        write_inventory(inventory, {**fleet.inventory("one", "1.29"), "name": name, **mistake})
    return fleet
