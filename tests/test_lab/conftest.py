"""One lab for the tests that only look, a fresh one for those that change things."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from kubernetes import client, config

from lab import ClusterSpec, Lab, LabCluster, Latency


@dataclass(frozen=True)
class Ssh:
    """OpenSSH's own client, towards one cluster."""

    lab: Lab
    cluster: LabCluster

    def argv(self, node: str, command: str) -> list[str]:
        place = self.cluster.nodes[node]
        options = [f"UserKnownHostsFile={self.lab.known_hosts}", "BatchMode=yes", "StrictHostKeyChecking=yes"]
        options += ["GlobalKnownHostsFile=/dev/null", "IdentitiesOnly=yes"]
        flags = [word for option in options for word in ("-o", option)]
        target = f"{self.lab.ssh_user}@{place.address}"
        return [
            "ssh",
            "-F",
            "none",
            "-i",
            str(self.lab.ssh_key),
            *flags,
            "-p",
            str(place.port),
            target,
            command,
        ]

    def __call__(self, node: str, command: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.argv(node, command), input=stdin, capture_output=True, text=True, timeout=15, check=False
        )


SMALL = ClusterSpec("demo-a", control_plane=1, workers=3)
HIGH = ClusterSpec("demo-b", control_plane=3, workers=1)


@pytest.fixture(scope="session")
def shared_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with Lab(tmp_path_factory.mktemp("shared"), [SMALL]) as lab:
        yield lab


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    with Lab(tmp_path, [SMALL], Latency(node_grace=1.5)) as lab:
        yield lab


@pytest.fixture
def small(lab: Lab) -> LabCluster:
    return lab.clusters["demo-a"]


@pytest.fixture
def ssh(lab: Lab, small: LabCluster) -> Ssh:
    return Ssh(lab, small)


@pytest.fixture
def ssh_high(tmp_path: Path) -> Iterator[Ssh]:
    with Lab(tmp_path, [HIGH]) as lab:
        yield Ssh(lab, lab.clusters["demo-b"])


@pytest.fixture
def high(ssh_high: Ssh) -> LabCluster:
    return ssh_high.cluster


def core(kubeconfig: Path) -> client.CoreV1Api:
    return client.CoreV1Api(config.new_client_from_config(str(kubeconfig)))


@pytest.fixture
def api(small: LabCluster) -> client.CoreV1Api:
    return core(small.admin_kubeconfig)


def eventually(true: Callable[[], object], seconds: float = 8.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not become true in time"
        time.sleep(0.02)
