"""The second file over the first: what runs goes on, and upgrades by a worker that knows no database."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from compose.conftest import Fleet
from compose.site import CELERY, Site
from compose.test_up import connect, crash, reached, seen
from hosts.docker import docker

DAG = "kubeadm_upgrade.prod-2"


@pytest.fixture(scope="module")
def site(fleet: Fleet) -> Iterator[Site]:
    """The same checkout, database and connections, now with both files."""
    fleet.site.files = CELERY
    fleet.site.compose("up", "--wait", timeout=600)
    return fleet.site


def test_there_are_two_of_who_decides_and_a_worker(site: Site) -> None:
    for service, many in (("scheduler", 2), ("triggerer", 2), ("worker", 1), ("redis", 1)):
        assert site.health(service) == ["healthy"] * many


def test_a_worker_knows_neither_the_database_nor_a_key(site: Site) -> None:
    (worker,) = site.containers("worker")
    environment = docker("inspect", worker, "--format", "{{json .Config.Env}}")
    for name in ("POSTGRES_PASSWORD", "FERNET_KEY", "JWT_SECRET", "API_SECRET_KEY"):
        assert site.setting(name) not in environment


def test_an_upgrade_comes_through_although_worker_queue_and_one_scheduler_die(site: Site, fleet: Fleet) -> None:
    connect(site, "prod-2")
    site.api.wait_for_dag(DAG)
    site.api.unpause(DAG)
    run = site.api.trigger(DAG)
    for task, victim in (
        ("preflight", "worker"),
        ("control_plane_kubelets.drain_node", "redis"),
        ("workers.drain_node", "scheduler"),
    ):
        reached(site, DAG, run, task)
        crash(site, victim)
    assert site.api.wait_for_run(DAG, run, patience=600) == "success", seen(site, DAG, run)
    cluster = fleet.lab.clusters["prod-2"]
    assert cluster.violations == []
    assert {cluster.node_state(name).kubelet for name in cluster.nodes} == {"v1.29.15"}
