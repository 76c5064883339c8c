"""The SSH server of one node."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

import asyncssh

from lab.shell import NotPlain, Streams, execute, parse_line, started_by

if TYPE_CHECKING:
    from lab.faults import Fault
    from lab.host import Host

USER = "ops"
# Aborted connections are the lab's business as usual.
logging.getLogger("asyncssh").setLevel(logging.CRITICAL)


class NodeServer:
    """sshd of a host; it listens on the same address and port for as long as the node is up."""

    def __init__(self, host: Host, address: str, port: int, keys: list[object], client_key: asyncssh.SSHKey) -> None:
        self.host = host
        self.address = address
        self.port = port
        self.connections: set[asyncssh.SSHServerConnection] = set()
        self._keys = keys
        self._client_key = client_key
        self._acceptor: asyncssh.SSHAcceptor | None = None
        self._wanted = True

    async def open(self) -> None:
        self._acceptor = await asyncssh.listen(
            self.address,
            self.port,
            server_factory=lambda: _Authentication(self, self._client_key),
            process_factory=self._serve,
            server_host_keys=self._keys,
            encoding=None,
            line_editor=False,
            agent_forwarding=False,
            gss_host=None,
            login_timeout=30,
            reuse_address=True,
            backlog=64,
        )
        self.port = self._acceptor.get_port()

    def set_up(self, up: bool) -> None:
        """Down: connections are refused and the open ones die."""
        if up == self._wanted:
            return
        self._wanted = up
        if up:
            self.host.cluster.spawn(self.open())
            return
        if self._acceptor is not None:
            self._acceptor.close()
            self._acceptor = None
        for connection in list(self.connections):
            connection.abort()

    async def close(self) -> None:
        if self._acceptor is not None:
            self._acceptor.close()
        for connection in list(self.connections):
            connection.abort()

    async def _serve(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        if process.command is None:
            process.stderr.write(b"This host takes one command at a time: ssh ... HOST COMMAND\n")
            process.exit(1)
            return
        session = asyncio.ensure_future(self._session(process, process.command))
        closed = asyncio.ensure_future(process.get_extra_info("connection").wait_closed())
        await asyncio.wait({session, closed}, return_when=asyncio.FIRST_COMPLETED)
        # A command dies with its session, unless systemd runs it.
        for task in (session, closed):
            if not task.done():
                task.cancel()
        with contextlib.suppress(asyncio.CancelledError, OSError, asyncssh.Error):
            await session

    async def _session(self, process: asyncssh.SSHServerProcess[bytes], command: str) -> None:
        def write(stream: asyncssh.SSHWriter[bytes], text: str) -> None:
            with contextlib.suppress(OSError):
                stream.write(text.encode(errors="surrogateescape"))

        try:
            line = parse_line(command)
        except NotPlain as error:
            write(process.stderr, f"{error}\n")
            process.exit(2)
            return
        streams = Streams(lambda t: write(process.stdout, t), lambda t: write(process.stderr, t), process.stdin.read)
        faults, name = self.host.cluster.faults, self.host.name
        await faults.network()
        for fault in faults.matching("chatty_shell", name):
            write(process.stdout, f"{fault.says}\n")
        running = asyncio.ensure_future(execute(self.host, line, streams))
        try:
            drop = faults.take_drop(name, [line.argv, started_by(line.argv)])
            if drop is not None:
                await self._drop(process, running, drop, in_unit=bool(started_by(line.argv)))
                return
            code = await running
        finally:
            running.cancel()
        await asyncio.sleep(faults.delay("slow_answer", name, line.argv))
        await faults.network()
        process.exit(code)

    async def _drop(
        self,
        process: asyncssh.SSHServerProcess[bytes],
        running: asyncio.Future[int],
        fault: Fault,
        in_unit: bool,
    ) -> None:
        """Cut the connection after the command was started; what runs in a unit goes on."""
        if in_unit:
            await running
        await asyncio.sleep(fault.after)
        process.get_extra_info("connection").abort()


class _Authentication(asyncssh.SSHServer):
    """User ops with the lab's key, nothing else."""

    def __init__(self, server: NodeServer, client_key: asyncssh.SSHKey) -> None:
        self._server = server
        self._client_key = client_key
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._server.connections.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._connection is not None:
            self._server.connections.discard(self._connection)

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == USER and key.public_data == self._client_key.public_data
