"""One host over SSH: an argv in, how it ended out. Host keys are always checked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncssh

from kubeadm_airflow.hooks.connections import connection_named
from kubeadm_upgrade.actions import Run
from kubeadm_upgrade.errors import CommandFailed, Forbidden, HostKeyUnknown, NeedsPerson, Unreachable
from kubeadm_upgrade.facts import NodeFacts
from kubeadm_upgrade.inventory import Cluster
from kubeadm_upgrade.look import Completed, Look

CONNECT_SECONDS = 20
KEEPALIVE_SECONDS = 15
USERS_KNOWN_HOSTS = "~/.ssh/known_hosts"

asyncssh.set_log_level("WARNING")  # it writes a dozen lines for every connection, which would drown a task's own log


@dataclass(frozen=True)
class Address:
    """Where a node's host is."""

    node: str
    host: str
    port: int | None
    jump_host: str | None
    user: str | None = None  # None: the connection's

    def __str__(self) -> str:
        return f"{self.node} ({self.host}" + (f" port {self.port})" if self.port else ")")


def address_of(cluster: Cluster, node: NodeFacts) -> Address:
    """The inventory's word before the Node's own address. Raises NeedsPerson when neither has one."""
    reach = cluster.reach(node.name)
    host = reach.address or node.addresses.get(cluster.address_type)
    if host is None:
        has = ", ".join(node.addresses) or "none"
        raise NeedsPerson(
            f"{node.name} has no address of type {cluster.address_type} (it has {has}): set ssh.address_type, "
            f"or nodes.{node.name}.address, in {cluster.name}.yaml"
        )
    return Address(node.name, host, reach.port, reach.jump_host)


class Host:
    """An open SSH connection to one host."""

    def __init__(self, address: Address, connection: asyncssh.SSHClientConnection) -> None:
        self.address = address
        self._connection = connection

    @classmethod
    @asynccontextmanager
    async def open(cls, cluster: Cluster, address: Address) -> AsyncIterator[Host]:
        """Log in with the credentials of the cluster's Airflow connection of type ssh."""
        async with AsyncExitStack() as stack:
            jump = None
            if address.jump_host:
                jump = await stack.enter_async_context(await _connect(cluster, _jump_address(address)))
            yield cls(address, await stack.enter_async_context(await _connect(cluster, address, jump)))

    async def run(self, run: Run) -> Completed:
        """Run one command to its end. The only place where an argv becomes a line for the host's shell."""
        stdin = {"input": run.stdin} if run.stdin is not None else {"stdin": asyncssh.DEVNULL}
        try:
            done = await self._connection.run(str(run), timeout=run.timeout.total_seconds(), check=False, **stdin)
        except asyncssh.TimeoutError as error:
            raise Unreachable(f"{self.address}: {run}: no end after {run.timeout}") from error
        except (OSError, asyncssh.Error) as error:
            raise Unreachable(f"{self.address}: {run}: connection lost: {error}") from error
        if done.exit_status is None or done.exit_status < 0:
            raise Unreachable(f"{self.address}: {run}: the session ended before the command did")
        return Completed(done.exit_status, str(done.stdout or ""), str(done.stderr or ""))

    async def look(self, look: Look[Any]) -> Any:
        """Run a look and read it. Raises CommandFailed when its exit status is not an answer."""
        completed = await self.run(look.run)
        if completed.exit_status not in look.answers:
            raise failure(self.address, look.run, completed)
        return look.read(completed.stdout)


def failure(address: Address, run: Run, completed: Completed) -> Exception:
    """A failed command as an error with the command's own last words."""
    if "sudo: a password is required" in completed.stderr or "sudo: a terminal is required" in completed.stderr:
        return Forbidden(f"{address}: sudo asks for a password: allow {run.argv[0]} with NOPASSWD in sudoers")
    words = (completed.stderr.strip() or completed.stdout.strip()).splitlines()[-5:]
    failed = CommandFailed(f"{address}: {run}: exit status {completed.exit_status}: " + "\n".join(words))
    failed.exit_status = completed.exit_status
    return failed


async def _connect(
    cluster: Cluster, address: Address, jump: asyncssh.SSHClientConnection | None = None
) -> asyncssh.SSHClientConnection:
    options = await _options(cluster, address)
    try:
        return await asyncssh.connect(**options, tunnel=jump or ())
    except asyncssh.HostKeyNotVerifiable as error:
        raise HostKeyUnknown(_how_to_add_key(cluster, address, error)) from error
    except asyncssh.PermissionDenied as error:
        raise Forbidden(f"{address}: SSH login refused ({error}): check {cluster.ssh_conn_id}") from error
    except (TimeoutError, OSError, asyncssh.Error) as error:
        raise Unreachable(f"{address}: no SSH connection: {error or type(error).__name__}") from error


def _jump_address(address: Address) -> Address:
    """`[user@]host[:port]` as an address of its own, with an IPv6 host in brackets."""
    parts = urlsplit(f"ssh://{address.jump_host}")
    if not parts.hostname:
        raise NeedsPerson(f"{address.node}: {address.jump_host!r} is no jump host: write [user@]host[:port]")
    return Address(f"the jump host of {address.node}", parts.hostname, parts.port, None, parts.username)


async def _options(cluster: Cluster, address: Address) -> dict[str, Any]:
    login, extra = await connection_named(cluster.ssh_conn_id)
    if str(extra.get("no_host_key_check", "false")).lower() == "true":
        raise NeedsPerson(f"connection {cluster.ssh_conn_id} sets no_host_key_check: host keys are always checked here")
    port = address.port or login.port or asyncssh.DEFAULT_PORT
    return {
        "host": address.host,
        "port": port,
        "username": address.user or login.login,
        "password": login.password or None,
        "known_hosts": _known_hosts(cluster, address.host, port, extra),
        "connect_timeout": CONNECT_SECONDS,
        "keepalive_interval": KEEPALIVE_SECONDS,
        **_client_keys(extra),
    }


def _client_keys(extra: dict[str, Any]) -> dict[str, Any]:
    """The connection's key, by the names that the ssh provider documents; none: asyncssh's defaults and agent."""
    passphrase = extra.get("private_key_passphrase") or extra.get("passphrase") or None
    if text := extra.get("private_key"):
        return {"client_keys": [asyncssh.import_private_key(text, passphrase)]}
    if path := extra.get("key_file"):
        return {"client_keys": [str(Path(path).expanduser())], "passphrase": passphrase}
    return {}


def _known_hosts(cluster: Cluster, host: str, port: int, extra: dict[str, Any]) -> str | bytes:
    """A file of known hosts, or the connection's one `host_key`; nothing known is nothing trusted."""
    if host_key := extra.get("host_key"):
        return f"{host},[{host}]:{port} {host_key}\n".encode()
    path = Path(cluster.known_hosts or USERS_KNOWN_HOSTS).expanduser()
    return str(path) if path.is_file() else b""


def _how_to_add_key(cluster: Cluster, address: Address, error: Exception) -> str:
    port = f"-p {address.port} " if address.port else ""
    path = cluster.known_hosts or USERS_KNOWN_HOSTS
    return (
        f"{address}: the host key is not known ({error}). Compare its fingerprint with the host's own, then: "
        f"ssh-keyscan {port}{address.host} >> {path}"
    )
