"""One host over SSH: an argv in, how it ended out. Host keys are always checked."""

from __future__ import annotations

import os
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import asyncssh
from asyncssh.constants import OPEN_ADMINISTRATIVELY_PROHIBITED

from kubeadm_airflow.hooks.connections import connection_named
from kubeadm_airflow.hooks.host_keys import trusted_keys
from kubeadm_airflow.hooks.logins import client_keys, login_remedy, reach_remedy
from kubeadm_upgrade import queries
from kubeadm_upgrade.actions import Run
from kubeadm_upgrade.errors import CommandFailed, Forbidden, NeedsPerson, Unreachable, UnreadableOutput
from kubeadm_upgrade.facts import NodeFacts
from kubeadm_upgrade.inventory import Cluster
from kubeadm_upgrade.query import Completed, Query
from kubeadm_upgrade.units import LOCALE

CONNECT_SECONDS = 20
KEEPALIVE_SECONDS = 15
_SUDO_HAS_REFUSED = 1
JUMP_HOST = re.compile(
    r"((?P<user>[^\s@/,]+)@)?(\[(?P<ipv6>[^\s\[\]/,]+)\]|(?P<host>[^\s\[\]@:/,]+))(:(?P<port>[1-9][0-9]{0,4}))?"
)

asyncssh.set_log_level("WARNING")  # it writes a dozen lines for every connection, which would drown a task's own log


@dataclass(frozen=True)
class Address:
    """Where a node's host is."""

    node: str
    host: str
    port: int | None
    jump_host: str | None
    user: str | None = None  # None: the connection's
    is_jump_host: bool = False

    def __str__(self) -> str:
        return f"{self.node} ({self.host}" + (f" port {self.port})" if self.port else ")")


def address_of(cluster: Cluster, node: NodeFacts) -> Address:
    """The inventory's word before the Node's own address. Raises NeedsPerson when neither has one."""
    reach = cluster.reach(node.name)
    host = reach.address or node.addresses.get(cluster.address_type)
    if host is None:
        has = ", ".join(node.addresses) or "none"
        raise NeedsPerson(
            f"{node.name} has no address of type {cluster.address_type} (it has {has})",
            do=f"set ssh.address_type, or nodes.{node.name}.address, in {cluster.name}.yaml",
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
            host = cls(address, await stack.enter_async_context(await _connect(cluster, address, jump)))
            await host.ask(queries.QUIET)  # whatever the shell adds to every answer, no reader could tell from it
            yield host

    async def run(self, run: Run) -> Completed:
        """Run one command to its end. The only place where an argv becomes a line for the host's shell.

        The locale stands before sudo, which keeps it, so that sudo's own refusals are English too.
        """
        stdin = {"input": run.stdin} if run.stdin is not None else {"stdin": asyncssh.DEVNULL}
        line, seconds = f"env {LOCALE} {run}", run.timeout.total_seconds()
        try:
            # a byte that is no UTF-8, such as a comment's in Latin-1, would end the session
            done = await self._connection.run(line, timeout=seconds, check=False, errors="replace", **stdin)
        except asyncssh.TimeoutError as error:
            raise Unreachable(f"{self.address}: {run}: no end after {run.timeout}") from error
        except (OSError, asyncssh.Error) as error:
            raise Unreachable(f"{self.address}: {run}: connection lost: {error}") from error
        if done.exit_status is None or done.exit_status < 0:
            raise Unreachable(f"{self.address}: {run}: the session ended before the command did")
        completed = Completed(done.exit_status, str(done.stdout or ""), str(done.stderr or ""))
        if run.root and (refusal := refused_by_sudo(self.address, run, completed)):
            raise refusal  # its exit status, 1, is an answer of many a command
        return completed

    async def ask(self, query: Query[Any]) -> Any:
        """Run a query and read its answer.

        Raises CommandFailed when its exit status is not an answer, UnreadableOutput when its text is none.
        """
        completed = await self.run(query.run)
        if completed.exit_status not in query.answers:
            raise failure(self.address, query.run, completed)
        try:
            return query.answer(completed.stdout)
        except UnreadableOutput as error:
            raise UnreadableOutput(f"{self.address}: {error}") from error


def refused_by_sudo(address: Address, run: Run, completed: Completed) -> Forbidden | None:
    """The error for a command that sudo has not run; None when it has."""
    said = completed.stderr
    if completed.exit_status != _SUDO_HAS_REFUSED:
        return None
    if "sudo: a password is required" in said or "sudo: a terminal is required" in said:
        return Forbidden(
            f"{address}: sudo asks for a password", do="allow what we run with NOPASSWD, see docs/hosts.md"
        )
    if re.search(r"^Sorry, user \S+ (is not allowed to execute|may not run sudo)", said, re.MULTILINE):
        return Forbidden(f"{address}: sudo does not allow {run}", do="install this release's list, see docs/hosts.md")
    return None


def failure(address: Address, run: Run, completed: Completed) -> Exception:
    """A failed command as an error with the command's own last words."""
    words = (completed.stderr.strip() or completed.stdout.strip()).splitlines()[-5:]
    failed = CommandFailed(f"{address}: {run}: exit status {completed.exit_status}: " + "\n".join(words))
    failed.exit_status = completed.exit_status
    return failed


async def _connect(
    cluster: Cluster, address: Address, jump: asyncssh.SSHClientConnection | None = None
) -> asyncssh.SSHClientConnection:
    login, extra = await connection_named(cluster.ssh_conn_id, "ssh")
    trusted = trusted_keys(cluster, extra, of_jump_host=address.is_jump_host)
    port = address.port or login.port or asyncssh.DEFAULT_PORT
    options = {**_options(cluster, address, login, extra), "port": port, "known_hosts": trusted.keys}
    kinds = trusted.algorithms(address.host, port)
    try:
        return await asyncssh.connect(**options, server_host_key_algs=kinds or (), tunnel=jump or ())
    except asyncssh.HostKeyNotVerifiable as error:
        raise trusted.refusal(address, address.host, port, address.jump_host, error) from error
    except asyncssh.PermissionDenied as error:
        do = login_remedy(cluster.ssh_conn_id, options)
        raise Forbidden(f"{address}: SSH login refused ({error})", do=do) from error
    except asyncssh.ChannelOpenError as error:
        raise _not_forwarded(address, error) from error
    except (TimeoutError, OSError, asyncssh.Error) as error:
        words = _words(error) or f"no answer in {CONNECT_SECONDS} s"
        do = reach_remedy(cluster, address)
        tried = replace(address, port=port)
        raise Unreachable(f"{tried}: no SSH connection: {words}", do=do) from error


def _words(error: Exception) -> str:
    """The system's own, where asyncio writes a call and its arguments in their place."""
    code = error.errno if isinstance(error, ConnectionError) else None
    return str(error) if code is None else os.strerror(code)


def _not_forwarded(address: Address, error: asyncssh.ChannelOpenError) -> Exception:
    if error.code != OPEN_ADMINISTRATIVELY_PROHIBITED:
        return Unreachable(f"{address}: no SSH connection through {address.jump_host}: {error}")
    return Forbidden(
        f"{address}: the jump host {address.jump_host} does not forward to it ({error})",
        do="see AllowTcpForwarding and PermitOpen in its sshd_config, and the options of the key in authorized_keys",
    )


def _jump_address(address: Address) -> Address:
    """`[user@]host[:port]` as an address of its own, with an IPv6 host in brackets."""
    match = JUMP_HOST.fullmatch(address.jump_host or "")
    port = int(match["port"]) if match and match["port"] else None
    if match is None or (port or 0) > 65535:
        raise NeedsPerson(
            f"{address.node}: {address.jump_host!r} is no jump host",
            do="write [user@]host[:port], and an IPv6 address in brackets",
        )
    host = match["ipv6"] or match["host"]
    return Address(f"the jump host of {address.node}", host, port, None, match["user"], is_jump_host=True)


def _options(cluster: Cluster, address: Address, login: Any, extra: dict[str, Any]) -> dict[str, Any]:
    if str(extra.get("no_host_key_check", "false")).lower() == "true":
        raise NeedsPerson(
            f"connection {cluster.ssh_conn_id} sets no_host_key_check: host keys are always checked here",
            do="take it out of its extra, and put the hosts' keys into known_hosts",
        )
    return {
        "host": address.host,
        "username": address.user or login.login or (),  # asyncssh: whoever runs Airflow
        "password": login.password or None,
        "connect_timeout": CONNECT_SECONDS,
        "keepalive_interval": KEEPALIVE_SECONDS,
        **client_keys(cluster.ssh_conn_id, extra),
    }
