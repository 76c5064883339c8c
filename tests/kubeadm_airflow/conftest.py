"""What these tests stand on: a lab that is walked without an Airflow, and a real OpenSSH server on loopback."""

from __future__ import annotations

import getpass
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.walk import Walker, join
from lab import ClusterSpec, Lab

SSHD = shutil.which("sshd", path="/usr/sbin:/usr/local/sbin:/usr/bin")


@dataclass(frozen=True)
class Sshd:
    """Where the server listens, and the keys of both sides."""

    port: int
    user_key: Path
    host_public_key: str
    directory: Path


@pytest.fixture(scope="session")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """OpenSSH's own server, run by whoever runs the tests, with one authorized key."""
    if SSHD is None:
        pytest.skip("no sshd on this machine: install openssh-server to run this test")
    directory = tmp_path_factory.mktemp("sshd")
    for name in ("host_key", "user_key", "authority"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", directory / name], check=True)
    sign = ["ssh-keygen", "-q", "-s", directory / "authority", "-I", "node-1", "-h", "-n", "127.0.0.1"]
    subprocess.run([*sign, directory / "host_key.pub"], check=True)
    (directory / "authorized_keys").write_text((directory / "user_key.pub").read_text())
    port = _free_port()
    (directory / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1:{port}\nHostKey {directory}/host_key\nPidFile none\nUsePAM no\nStrictModes no\n"
        f"HostCertificate {directory}/host_key-cert.pub\nMaxStartups 100\n"
        f"AuthorizedKeysFile {directory}/authorized_keys\nPasswordAuthentication no\n"
    )
    Path("/run/sshd").mkdir(exist_ok=True)
    server = subprocess.Popen([SSHD, "-D", "-e", "-f", directory / "sshd_config"], stderr=(directory / "log").open("w"))
    _wait_for(port, server)
    public = " ".join((directory / "host_key.pub").read_text().split()[:2])
    yield Sshd(port, directory / "user_key", public, directory)
    server.terminate()
    server.wait(timeout=10)


@pytest.fixture
def ssh_connection(sshd: Sshd, monkeypatch: pytest.MonkeyPatch) -> str:
    """An Airflow connection to the server, as an environment variable."""
    extra = {"key_file": str(sshd.user_key)}
    connection = {"conn_type": "ssh", "login": getpass.getuser(), "port": sshd.port, "extra": extra}
    monkeypatch.setenv("AIRFLOW_CONN_REAL_SSHD", json.dumps(connection))
    return "real_sshd"


@pytest.fixture
def walk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Walker]]:
    """Starts a lab with one cluster and returns what walks it; settings are of the cluster's file."""
    with ExitStack() as running:

        def start(spec: ClusterSpec, **settings: Any) -> Walker:
            lab = running.enter_context(Lab(tmp_path / "lab", [spec]))
            return join(lab, tmp_path / "inventory", monkeypatch, **settings)[spec.name]

        yield start


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, server: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise RuntimeError("sshd did not start")
