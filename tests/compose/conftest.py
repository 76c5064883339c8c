"""What docker-compose.yaml brings up, from nothing, on a docker daemon of our own; and a lab for it to upgrade."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from compose import filesystem, images, plugin
from compose.bridge_lab import BridgeLab
from compose.site import Site
from harness.airflow import free_port
from harness.fleet import ACCOUNT, RIGHTS
from hosts import docker
from hosts.daemon import daemon
from hosts.images import cache_directory
from lab import ClusterSpec

HERE = Path(__file__).parent
# the one cluster is upgraded by compose as it is, the other by Celery workers
CLUSTERS = (
    ClusterSpec("prod-1", control_plane=1, workers=2, version="1.28.15"),
    ClusterSpec("prod-2", control_plane=1, workers=2, version="1.28.15"),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first test of all waits for images to be built, and for a whole Airflow to come up."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker("compose")
            item.add_marker(pytest.mark.timeout(1500))


@pytest.fixture(scope="session")
def engine() -> Iterator[None]:
    """Always a daemon of our own: on the machine's own, images and volumes of these names may be somebody's."""
    if reason := docker.why_not_own():
        pytest.skip(f"compose: {reason}")
    with ExitStack() as stack:
        environment = stack.enter_context(pytest.MonkeyPatch.context())
        try:
            plugin.provide(cache_directory(), environment)
            stack.enter_context(daemon(cache_directory()))
        except docker.DockerError as error:
            pytest.skip(f"compose: {error}")
        yield


@pytest.fixture(scope="session")
def registry(engine: None) -> dict[str, str]:
    """The images that a registry would give, by the variable of .env that names each."""
    return images.provide(filesystem.archive(cache_directory()))


@dataclass(frozen=True)
class Fleet:
    """A checkout that is up, and the clusters that it upgrades."""

    site: Site
    lab: BridgeLab
    seconds: float  # that `up --wait` took, the image's build included


@pytest.fixture(scope="session")
def fleet(registry: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    site = Site(tmp_path_factory.mktemp("checkout"), free_port(), registry)
    with BridgeLab(tmp_path_factory.mktemp("lab"), CLUSTERS) as lab:
        furnish(site, lab)
        began = time.monotonic()
        site.compose("up", "--wait", timeout=420)
        try:
            yield Fleet(site, lab, time.monotonic() - began)
        finally:
            site.api.close()
            site.compose("down", "--volumes", "--timeout", "5")


def furnish(site: Site, lab: BridgeLab) -> None:
    """Rights, files and keys, as README asks for them. The containers' user must be able to read the keys."""
    for cluster in lab.clusters.values():
        cluster.apply(list(yaml.safe_load_all(RIGHTS.read_text())))
        kubeconfig = cluster.service_account_kubeconfig(*ACCOUNT.split("/"))
        shutil.copy(kubeconfig, site.directory / "kubeconfigs" / cluster.name)
        inventory = {
            "name": cluster.name,
            "kubernetes_conn_id": f"{cluster.name}-kubernetes",
            "ssh_conn_id": f"{cluster.name}-ssh",
            "target_version": "1.29",
            "ssh": {"port": next(iter(cluster.nodes.values())).port},
        }
        path = site.directory / "include" / "clusters" / f"{cluster.name}.yaml"
        path.write_text(yaml.safe_dump(inventory, sort_keys=False))
    shutil.copy(lab.known_hosts, site.directory / "ssh" / "known_hosts")
    shutil.copy(lab.ssh_key, site.directory / "ssh" / "id")
    for name in ("ssh/id", *(f"kubeconfigs/{cluster}" for cluster in lab.clusters)):
        (site.directory / name).chmod(0o400)
        shutil.chown(site.directory / name, int(site.setting("AIRFLOW_UID")))
