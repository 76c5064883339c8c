"""Real hosts for the tests marked `hosts`: one network, one package server, and the machines of one cluster."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncssh
import pytest

from harness.walk import Walker, join
from hosts import docker, images
from hosts.daemon import daemon
from hosts.host_container import HostContainer, hosts, network
from hosts.packages import tools
from hosts.packages.model import Format
from hosts.packages.pkgs import Pkgs, pkgs
from hosts.standins.furnish import furnish
from hosts.standins.hosts_lab import HostsLab
from lab import ClusterSpec

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here needs machines, and the first test of all waits for their images to be built."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker("hosts")
            item.add_marker(pytest.mark.timeout(900))


@pytest.fixture(scope="session")
def engine() -> Iterator[None]:
    """A docker daemon that answers: the machine's, or one of our own."""
    if reason := docker.why_not() or tools.why_not():
        pytest.skip(reason)
    with ExitStack() as stack:
        if not docker.answers():
            try:
                stack.enter_context(daemon(images.cache_directory()))
            except docker.DockerError as error:
                pytest.skip(f"the ring of real hosts: {error}")
        docker.sweep()
        yield


@dataclass(frozen=True)
class Machines:
    """Boots hosts on one network, for which one key is made."""

    stack: ExitStack
    network: str
    gateway: str
    key: Path
    public_key: str
    pkgs: Pkgs

    def boot(self, *names: str, image: images.Image = images.DEBIAN) -> dict[str, HostContainer]:
        tag = images.build(image, images.cache_directory())
        return self.stack.enter_context(hosts(tag, names, self.network, self.public_key))


@contextmanager
def machines_of(directory: Path) -> Iterator[Machines]:
    with ExitStack() as stack:
        key = asyncssh.generate_private_key("ssh-ed25519")
        key.write_private_key(str(directory / "id"))
        (directory / "id").chmod(0o600)
        name, gateway = stack.enter_context(network())
        (directory / "packages").mkdir()
        served = stack.enter_context(pkgs(directory / "packages", gateway))
        yield Machines(stack, name, gateway, directory / "id", key.export_public_key().decode().strip(), served)


@dataclass(frozen=True)
class RealCluster:
    """A cluster of the lab whose nodes are real hosts, and how to upgrade it."""

    walker: Walker
    hosts: dict[str, HostContainer]
    pkgs: Pkgs
    lab: HostsLab


def start_cluster(
    machines: Machines,
    directory: Path,
    monkeypatch: pytest.MonkeyPatch,
    *,
    workers: int = 2,
    dnf_workers: int = 0,
    target: str = "1.29",
    **settings: object,
) -> RealCluster:
    """Furnish a cluster at 1.28.15: a control plane node, workers with apt, and workers with dnf behind them.

    `settings` go into its inventory file.
    """
    spec = ClusterSpec("real", control_plane=1, workers=workers + dnf_workers, version="1.28.15")
    names = list(spec.nodes)
    with_dnf = names[len(names) - dnf_workers :]
    booted = machines.boot(*(name for name in names if name not in with_dnf))
    if with_dnf:
        booted |= machines.boot(*with_dnf, image=images.DNF)
    known_hosts = directory / "known_hosts"
    known_hosts.write_text("".join(f"{one.address} {one.host_key}\n" for one in booted.values()))
    lab = HostsLab(
        directory / "lab",
        [spec],
        booted,
        bridge_address=machines.gateway,
        ssh_key=machines.key,
        known_hosts=known_hosts,
    )
    lab.start()
    machines.stack.callback(lab.stop)
    for name, machine in booted.items():
        furnish(machine, lab, name, machines.pkgs, Format.RPM if name in with_dnf else Format.DEB)
    settings = {"repository": {"url": machines.pkgs.url}, **settings}
    walkers = join(lab, directory / "inventory", monkeypatch, target=target, **settings)
    return RealCluster(walkers["real"], booted, machines.pkgs, lab)


@pytest.fixture
def cluster(engine: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., RealCluster]]:
    """Starts a cluster of this test's own."""
    with machines_of(tmp_path) as machines:
        yield functools.partial(start_cluster, machines, tmp_path, monkeypatch)


@pytest.fixture(scope="module")
def shared(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    """One cluster for tests that leave it as they found it: w1 has apt, w2 dnf."""
    directory = tmp_path_factory.mktemp("shared")
    with machines_of(directory) as machines, pytest.MonkeyPatch.context() as monkeypatch:
        yield start_cluster(machines, directory, monkeypatch, workers=1, dnf_workers=1)
