"""The HTTPS door of a cluster's API: open, or refusing connections."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING

from aiohttp import web

from lab.api_requests import build_app

if TYPE_CHECKING:
    from lab.cluster import SimulatedCluster


class ApiEndpoint:
    """Keeps its address while it is closed, so that nobody else can take the port."""

    def __init__(self, cluster: SimulatedCluster, host: str) -> None:
        self.cluster = cluster
        self.host = host
        self.port = 0
        self._runner = web.AppRunner(build_app(cluster), access_log=None, handle_signals=False, shutdown_timeout=0.1)
        self._server: asyncio.Server | None = None
        self._socket: socket.socket | None = None
        self._wanted = True
        self._turning: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        return f"https://{self.host}:{self.port}"

    async def open(self) -> None:
        await self._runner.setup()
        self._context = self.cluster.identity.server_context(self.host)
        self._socket = self._bind()
        self.port = self._socket.getsockname()[1]
        await self._listen()

    def set_open(self, wanted: bool) -> None:
        """Closing is immediate and resets every connection; opening takes a turn of the loop."""
        self._wanted = wanted
        if not wanted and self._server is not None:
            self._server.close()
            self._server = None
            self._reset_connections()
            self._socket = self._bind()
        elif wanted and self._server is None and (self._turning is None or self._turning.done()):
            self._turning = self.cluster.spawn(self._listen())

    async def close(self) -> None:
        self._wanted = False
        if self._server is not None:
            self._server.close()
        self._reset_connections()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._runner.cleanup(), 2)
        if self._socket is not None:
            self._socket.close()

    async def _listen(self) -> None:
        assert self._socket is not None
        assert self._runner.server is not None
        handle, self._socket = self._socket, None
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._runner.server, sock=handle, ssl=self._context, backlog=128)
        if not self._wanted:
            self.set_open(False)

    def _bind(self) -> socket.socket:
        """A bound socket that does not listen refuses connections."""
        handle = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        handle.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        handle.bind((self.host, self.port))
        return handle

    def _reset_connections(self) -> None:
        assert self._runner.server is not None
        for connection in list(self._runner.server.connections):
            if connection.transport is not None:
                connection.transport.abort()
