"""SSH connections as people make them in their first hour: real files, a real server, two exact lines."""

from __future__ import annotations

import asyncio
import getpass
import json
import os
import socket
from pathlib import Path
from typing import Any

import pytest

from kubeadm_airflow.hooks.host import Address, Host
from kubeadm_upgrade import errors
from kubeadm_upgrade.inventory import Cluster
from kubeadm_upgrade.version import TargetVersion
from mistakes.logins import KEYS, WHERE

USER = getpass.getuser()


def cluster(known_hosts: Path) -> Cluster:
    return Cluster("prod", "unused", "prod", TargetVersion.parse("1.29"), known_hosts=str(known_hosts))


def refused(
    monkeypatch: pytest.MonkeyPatch, known_hosts: Path, connection: dict[str, Any], address: Address
) -> errors.UpgradeError:
    async def reach() -> None:
        async with Host.open(cluster(known_hosts), address):
            pass

    monkeypatch.setenv("AIRFLOW_CONN_PROD", json.dumps({"conn_type": "ssh", **connection}))
    with pytest.raises(errors.UpgradeError) as caught:
        asyncio.run(reach())
    return caught.value


@pytest.mark.parametrize("name", KEYS)
def test_a_key_that_cannot_be_used(monkeypatch, tmp_path, name):
    """Before any host is asked; nothing of the key is said."""
    make, extra, what, do = KEYS[name]
    make(tmp_path / "id_fleet")
    filled = {
        key: value.format(directory=tmp_path) if isinstance(value, str) else value for key, value in extra.items()
    }
    error = refused(monkeypatch, tmp_path / "known_hosts", {"extra": filled}, Address("w1", "127.0.0.1", 1, None))
    assert (error.what, error.do) == (what.format(directory=tmp_path), do)
    assert isinstance(error, errors.NeedsPerson)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_key_that_may_not_be_read(monkeypatch, tmp_path):
    path = tmp_path / "id_fleet"
    path.write_text("")
    path.chmod(0)
    address = Address("w1", "127.0.0.1", 1, None)
    error = refused(monkeypatch, tmp_path / "known_hosts", {"extra": {"key_file": str(path)}}, address)
    assert error.what.endswith(f"{USER}, who runs tasks, may not read {path}")


def test_a_port_that_nobody_listens_at_may_be_open_later(monkeypatch, tmp_path):
    """A host that starts anew does not listen yet."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        error = refused(monkeypatch, tmp_path / "known_hosts", {}, Address("w1", "127.0.0.1", port, None))
    assert error.what == f"w1 (127.0.0.1 port {port}): no SSH connection: Connection refused"
    assert error.do == "see whether sshd runs and listens there, and correct nodes.w1.address or ssh.port in prod.yaml"
    assert isinstance(error, errors.Unreachable)


def test_a_port_of_something_else(monkeypatch, tmp_path):
    """As when an API server's is written into ssh.port."""

    async def main() -> tuple[int, errors.UpgradeError]:
        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readline()
            writer.write(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            address = Address("w1", "127.0.0.1", port, None)
            return port, await asyncio.to_thread(refused, monkeypatch, tmp_path / "known_hosts", {}, address)

    port, error = asyncio.run(main())
    assert error.what.startswith(f"w1 (127.0.0.1 port {port}): no SSH connection: ")
    assert error.do == "see whether sshd runs and listens there, and correct nodes.w1.address or ssh.port in prod.yaml"


def test_a_name_that_nobody_knows(monkeypatch, tmp_path):
    error = refused(monkeypatch, tmp_path / "known_hosts", {}, Address("w1", "no-such-name.invalid", None, None))
    assert error.what.startswith("w1 (no-such-name.invalid port 22): no SSH connection: ")
    assert "correct nodes.w1.address" in str(error.do)


LOGINS = {
    "nobody is named": (
        {"extra": {"key_file": "{stranger}"}},
        f"set login in connection prod: without one it is whoever runs the task, {USER}",
    ),
    "no key and no password": (
        {"login": "upgrader"},
        "set key_file or private_key in the extra of connection prod: it has neither, and no password",
    ),
    "a key that is not known there": (
        {"login": USER, "extra": {"key_file": "{stranger}"}},
        "check login and key of connection prod, and that user's ~/.ssh/authorized_keys on the host",
    ),
}


@pytest.mark.parametrize("name", LOGINS)
def test_a_login_that_is_refused(sshd, monkeypatch, tmp_path, name):
    """What is missing in the connection is told before what may be wrong with it."""
    connection, do = LOGINS[name]
    monkeypatch.setenv("HOME", str(tmp_path))
    known_hosts = tmp_path / "known_hosts"
    known_hosts.write_text(f"[127.0.0.1]:{sshd.port} {sshd.host_public_key}\n")
    filled = json.loads(json.dumps(connection).replace("{stranger}", str(sshd.directory / "authority")))
    error = refused(monkeypatch, known_hosts, filled, Address("w1", "127.0.0.1", sshd.port, None))
    assert error.what.startswith(f"w1 (127.0.0.1 port {sshd.port}): SSH login refused (Permission denied for user ")
    assert error.do == do
    assert isinstance(error, errors.Forbidden)


def test_a_known_hosts_file_that_is_not_there_is_said_to_be_missing(sshd, ssh_connection, monkeypatch, tmp_path):
    """Advice to append to it would not tell whoever looks for it."""
    path = tmp_path / "ssh" / "known_hosts"
    login = {"login": USER, "extra": {"key_file": str(sshd.user_key)}}
    error = refused(monkeypatch, path, login, Address("w1", "127.0.0.1", sshd.port, None))
    where = f"w1 (127.0.0.1 port {sshd.port})"
    assert error.what == f"{where}: the host key is not known: there is no file {path} {WHERE}"
    assert error.do == (
        f"compare its fingerprint with the host's own, and make the file there (mkdir -p {path.parent} && "
        f"ssh-keyscan -p {sshd.port} 127.0.0.1 >> {path})"
    )


def test_a_known_hosts_file_that_is_a_directory(monkeypatch, tmp_path):
    """A container's mount of a file that is missing makes one."""
    error = refused(monkeypatch, tmp_path, {}, Address("w1", "127.0.0.1", 1, None))
    assert error.what == f"{tmp_path} is no known_hosts file: it is a directory"
