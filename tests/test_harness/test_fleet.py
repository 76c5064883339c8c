"""What an Airflow is told of a lab."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from harness.fleet import ACCOUNT, RIGHTS, LabFleet, write_inventory
from kubeadm_upgrade.inventory import load_cluster
from lab import ClusterSpec, Lab


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("lab"), [ClusterSpec("x-1", workers=1)]) as lab:
        lab.clusters["x-1"].apply(list(yaml.safe_load_all(RIGHTS.read_text())))
        lab.clusters["x-1"].service_account_kubeconfig(*ACCOUNT.split("/"))
        yield lab


def test_the_inventory_is_one_that_the_product_takes(lab: Lab, tmp_path: Path) -> None:
    path = write_inventory(tmp_path, LabFleet(lab.description()).inventory("x-1", "1.29", max_unavailable=2))
    cluster = load_cluster(path)
    assert (cluster.name, str(cluster.target_version), cluster.max_unavailable) == ("x-1", "1.29", 2)
    assert cluster.known_hosts == str(lab.known_hosts)
    ports = {node.port for node in lab.clusters["x-1"].nodes.values()}
    assert {cluster.reach(name).port for name in lab.clusters["x-1"].nodes} == ports


def test_settings_of_ssh_are_laid_over_one_by_one(lab: Lab) -> None:
    told = LabFleet(lab.description()).inventory("x-1", "1.29", ssh={"known_hosts": "/dev/null"})
    assert told["ssh"]["known_hosts"] == "/dev/null"
    assert "port" in told["ssh"] or told["nodes"]


def test_the_connections_are_those_that_the_inventory_names(lab: Lab) -> None:
    fleet = LabFleet(lab.description())
    told = fleet.inventory("x-1", "1.29")
    assert set(fleet.connections("x-1")) == {told["kubernetes_conn_id"], told["ssh_conn_id"]}
    assert set(fleet.environment()) == {"AIRFLOW_CONN_X_1_KUBERNETES", "AIRFLOW_CONN_X_1_SSH"}
    assert json.loads(fleet.environment()["AIRFLOW_CONN_X_1_SSH"])["login"] == lab.ssh_user


def test_the_upgrades_run_with_the_rights_that_are_documented_and_no_others(lab: Lab) -> None:
    kubernetes = LabFleet(lab.description()).connections("x-1")["x_1_kubernetes"]
    kubeconfig = yaml.safe_load(Path(kubernetes["extra"]["kube_config_path"]).read_text())
    assert kubeconfig["current-context"].startswith("kubeadm-fleet@")
    assert set(kubeconfig["users"][0]["user"]) == {"token"}
