"""From nothing with one command, and a cluster is upgraded though every component dies once meanwhile."""

from __future__ import annotations

import json
import time

import pytest

from compose.conftest import Fleet
from compose.site import Site
from harness.rest import wait_for
from hosts.docker import DockerError, docker

COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer")
AIRFLOW = (*COMPONENTS, "cleaner")
HEALTH = {"scheduler": "scheduler", "triggerer": "triggerer", "dag-processor": "dag_processor"}


def connect(site: Site, cluster: str) -> None:
    """As the documentation has it, by one command for each connection."""
    kubeconfig = json.dumps({"kube_config_path": f"/opt/airflow/kubeconfigs/{cluster}"})
    key = json.dumps({"key_file": "/home/airflow/.ssh/id"})
    add = ("airflow", "connections", "add")
    site.cli(*add, f"{cluster}-kubernetes", "--conn-type", "kubernetes", "--conn-extra", kubeconfig)
    site.cli(*add, f"{cluster}-ssh", "--conn-type", "ssh", "--conn-login", "ubuntu", "--conn-extra", key)


def crash(site: Site, service: str) -> None:
    """The container dies, docker starts it again, and it says itself that it is well."""
    died = time.time()
    before = site.restarts(service)
    site.crash(service)
    wait_for(lambda: site.restarts(service) > before, f"{service} to be started again", 30)
    if service in HEALTH:
        wait_for(lambda: _well(site, service, died), f"{service} to be well", 120, lambda: site.told(service))
    else:
        wait_for(lambda: site.health(service) == ["healthy"], f"{service} to be well", 120, lambda: site.told(service))


def _well(site: Site, service: str, since: float) -> bool:
    return site.api.is_healthy(HEALTH[service], since=since)


def test_one_command_brings_up_everything(fleet: Fleet) -> None:
    print(f"docker compose up --wait, the image's build included: {fleet.seconds:.0f} s")
    for service in COMPONENTS:
        assert fleet.site.health(service) == ["healthy"]
    assert fleet.site.api.import_errors() == []
    assert fleet.site.api.plugin_import_errors() == []


@pytest.mark.parametrize("service", AIRFLOW)
def test_nothing_of_airflow_runs_as_root(fleet: Fleet, service: str) -> None:
    (container,) = fleet.site.containers(service)
    processes = docker("top", container, "-eo", "uid,gid,args").splitlines()[1:]
    assert {tuple(line.split()[:2]) for line in processes} == {(fleet.site.setting("AIRFLOW_UID"), "0")}


def test_what_is_installed_is_what_is_pinned(fleet: Fleet) -> None:
    """Nothing came along by itself; pip and setuptools are the base's."""
    checkout = fleet.site.directory
    pins = "".join((checkout / f"{name}.txt").read_text() for name in ("constraints", "requirements-image"))
    expected = {line.lower().replace("_", "-") for line in pins.splitlines() if "==" in line}
    listed = fleet.site.compose("exec", "--no-TTY", "scheduler", "pip", "list", "--format", "freeze").splitlines()
    assert {line.lower().replace("_", "-") for line in listed} - expected <= {
        line.lower() for line in listed if line.startswith(("pip==", "setuptools=="))
    }


def test_passwords_are_with_the_api_server_and_nowhere_else(fleet: Fleet) -> None:
    password = json.loads(fleet.site.setting("PASSWORDS").strip("'"))["admin"]
    holders = set()
    for service in (*AIRFLOW, "postgres"):
        assert password not in docker("inspect", *fleet.site.containers(service))
        ask = f"grep -rslaF {password} /run /opt/airflow /home/airflow /tmp /proc/[0-9]*/environ || true"
        if fleet.site.compose("exec", "--no-TTY", service, "sh", "-c", ask).strip():
            holders.add(service)
    assert holders == {"api-server"}


def test_a_path_that_is_not_there_is_an_error_with_its_name_and_no_directory(fleet: Fleet, tmp_path) -> None:
    missing = tmp_path / "no-such-directory"
    with pytest.raises(DockerError, match=str(missing)):
        fleet.site.cli("true", SSH_DIRECTORY=str(missing))
    assert not missing.exists()


def test_an_upgrade_comes_through_although_every_component_dies_once(fleet: Fleet) -> None:
    site, dag = fleet.site, "kubeadm_upgrade.prod-1"
    connect(site, "prod-1")
    assert "prod-1-kubernetes" in site.cli("airflow", "connections", "list", "--output", "plain")
    site.api.wait_for_dag(dag)
    site.api.unpause(dag)
    run = site.api.trigger(dag)
    for task, victim in (
        ("preflight", "dag-processor"),
        ("control_plane.kubeadm_upgrade", "api-server"),
        ("control_plane_kubelets.drain_node", "triggerer"),
        ("workers.upgrade_kubeadm", "postgres"),
        ("workers.drain_node", "scheduler"),
    ):
        wait_for(lambda task=task: task in _begun(site, dag, run), f"{task} to begin", 240, lambda: _seen(site, dag, run))
        crash(site, victim)
    assert site.api.wait_for_run(dag, run, patience=400) == "success", _seen(site, dag, run)
    cluster = fleet.lab.clusters["prod-1"]
    assert cluster.violations == []
    assert {cluster.node_state(name).kubelet for name in cluster.nodes} == {"1.29.15"}
    assert {cluster.node_state(name).schedulable for name in cluster.nodes} == {True}


def _begun(site: Site, dag: str, run: str) -> set[str]:
    return {task.task_id for task in site.api.task_instances(dag, run) if task.started}


def _seen(site: Site, dag: str, run: str) -> str:
    return ", ".join(f"{task} {task.state}" for task in site.api.task_instances(dag, run) if task.state)
