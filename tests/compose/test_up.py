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
