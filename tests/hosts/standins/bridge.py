"""What real hosts ask the lab: run a command of Kubernetes, be a kubelet. Served on the lab's own loop."""

from __future__ import annotations

import asyncio
import contextlib
import shlex
from collections.abc import AsyncIterator, Mapping
from urllib.parse import quote

import aiohttp
from aiohttp import web
from multidict import MultiDictProxy

from hosts.standins.kubelets import Kubelets
from lab.file_tree import Entry
from lab.host import Host
from lab.host_files import MACHINE_ID
from lab.lab_cluster import LabCluster
from lab.releases import Release
from lab.shell import Line, Streams, execute

PACKAGES = {"crictl": "cri-tools"}
#: A kubelet that sends no beat for so long is as good as dead, though its connection is open.
SILENCE = 2.0


class Bridge:
    """Bound to an address that the hosts can reach; nodes are found by name in any cluster of the lab."""

    def __init__(self, clusters: Mapping[str, LabCluster], address: str) -> None:
        self._clusters = clusters
        self._address = address
        self._kubelets = Kubelets()
        app = web.Application(client_max_size=2**24)
        app.router.add_post("/{node}/run", self._run)
        app.router.add_post("/{node}/kubelet", self._kubelet)
        # A command whose host hung up is cancelled in the lab, too.
        self._runner = web.AppRunner(
            app, access_log=None, handle_signals=False, handler_cancellation=True, shutdown_timeout=0.1
        )
        self.port = 0

    async def open(self) -> None:
        await self._runner.setup()
        await web.TCPSite(self._runner, self._address, 0).start()
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._runner.cleanup(), 2)

    def settings(self, node: str) -> str:
        """The content of ``client.SETTINGS`` on that node."""
        return f"{self._address} {self.port} {node}\n"

    async def _run(self, request: web.Request) -> web.StreamResponse:
        host, form = self._host(request), await request.post()
        _believe(host, form)
        response = web.StreamResponse()
        await response.prepare(request)
        async for words in _frames(host, _line(form), str(form.get("unit", ""))):
            await response.write(" ".join(map(_quoted, words)).encode() + b"\n")
        return response

    async def _kubelet(self, request: web.Request) -> web.Response:
        """Lasts as long as the kubelet does."""
        host, release = self._host(request), Release.parse(request.query["version"])
        host.packages.installed["kubelet"] = request.query["version"]
        host.files.put(MACHINE_ID, f"{request.query['machine']}\n", 0o444)
        with self._kubelets.attached(host.kubelet, release), contextlib.suppress(OSError, aiohttp.ClientError):
            while await asyncio.wait_for(request.content.readline(), SILENCE):
                pass
        return web.Response()

    def _host(self, request: web.Request) -> Host:
        name = request.match_info["node"]
        for cluster in self._clusters.values():
            if name in cluster.simulated.hosts:
                return cluster.simulated.hosts[name]
        raise web.HTTPNotFound(text=f"no cluster of the lab has a node {name}")


def _quoted(word: str | bytes) -> str:
    """A text may hold bytes that are none, as they came from a host."""
    return quote(word if isinstance(word, bytes) else word.encode(errors="surrogateescape"))


def _believe(host: Host, form: MultiDictProxy[object]) -> None:
    """The binary that asks is the one that is installed, and the host's files are what it says they are."""
    program = str(form["program"])
    host.packages.installed[PACKAGES.get(program, program)] = str(form["version"])
    for value in form.getall("file", []):
        path, _, text = str(value).partition("\n")
        if host.files.text(path) != text:
            host.files.put(path, text, 0o600)
    for path in form.getall("missing", []):
        host.files.remove(str(path))


def _line(form: MultiDictProxy[object]) -> Line:
    argv = (str(form["program"]), *(str(word) for word in form.getall("argument", [])))
    environment = {"KUBECONFIG": str(form["kubeconfig"])} if form.get("kubeconfig") else {}
    return Line(shlex.join(argv), argv, argv, environment, bool(form.get("root")))


Frame = tuple[str | bytes, ...]


async def _frames(host: Host, line: Line, unit: str) -> AsyncIterator[Frame]:
    """What the command prints and which files it writes, in order, then its exit code."""
    frames: asyncio.Queue[Frame] = asyncio.Queue()
    known = dict(host.files.entries)

    def tell(kind: str, text: str) -> None:
        for frame in _written(host, known):
            frames.put_nowait(frame)
        frames.put_nowait((kind, text))

    streams = Streams(lambda text: tell("out", text), lambda text: tell("error", text))
    running = asyncio.ensure_future(execute(host, line, streams, unit.removesuffix(".service") or None))
    running.add_done_callback(lambda done: tell("exit", str(done.result())) if not done.cancelled() else None)
    try:
        while True:
            frame = await frames.get()
            yield frame
            if frame[0] == "exit":
                return
    finally:
        running.cancel()


def _written(host: Host, known: dict[str, Entry]) -> list[Frame]:
    changed = {path: entry for path, entry in host.files.entries.items() if known.get(path) is not entry}
    known.update(changed)
    files = ((path, entry) for path, entry in changed.items() if entry.content is not None)
    return [("file", path, f"{entry.mode:o}", str(entry.size), entry.content or b"") for path, entry in files]
