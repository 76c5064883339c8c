"""The lab for other processes: look at clusters and break them, over plain HTTP on loopback."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aiohttp import web

from lab import machines_http
from lab.faults import Fault
from lab.lab_faults import from_request

if TYPE_CHECKING:
    from lab.lab_cluster import LabCluster

_LISTS = ("log", "timeline", "mutations", "violations")


class ControlEndpoint:
    """GET /clusters, /clusters/X/log|timeline|mutations|violations; POST and DELETE /clusters/X/faults.

    POST /clusters/X/reboot|delete|join|label|file|journal: what ``machines_http`` says.
    """

    def __init__(self, clusters: Mapping[str, LabCluster]) -> None:
        self._clusters = clusters
        app = web.Application()
        app.router.add_get("/clusters", self._list)
        app.router.add_get("/clusters/{name}/faults", self._faults)
        app.router.add_post("/clusters/{name}/faults", self._break)
        app.router.add_delete("/clusters/{name}/faults", self._mend)
        app.router.add_post("/clusters/{name}/kubeconfigs", self._kubeconfig)
        app.router.add_post("/clusters/{name}/{operation:reboot|delete|join|label|file|journal}", self._operate)
        app.router.add_get("/clusters/{name}/{what}", self._records)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.1)

    async def open(self) -> str:
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        host, port = self._runner.addresses[0][:2]
        return f"http://{host}:{port}"

    async def close(self) -> None:
        await self._runner.cleanup()

    async def _list(self, request: web.Request) -> web.Response:
        return web.json_response({name: cluster.description() for name, cluster in self._clusters.items()})

    async def _records(self, request: web.Request) -> web.Response:
        cluster, what = self._cluster(request), request.match_info["what"]
        if what not in _LISTS:
            raise web.HTTPNotFound(text=f"there is no {what}; there are {', '.join(_LISTS)}, faults")
        records: Sequence[Any] = getattr(cluster, what)
        return web.json_response([one if isinstance(one, str) else asdict(one) for one in records])

    async def _faults(self, request: web.Request) -> web.Response:
        return web.json_response([asdict(one) for one in self._cluster(request).simulated.faults.active])

    async def _break(self, request: web.Request) -> web.Response:
        cluster, fault = self._cluster(request), await _asked(request)
        if fault.node not in (None, *cluster.nodes):
            raise web.HTTPBadRequest(text=f"there is no node {fault.node}; there are {', '.join(cluster.nodes)}")
        cluster.simulated.faults.add(fault)
        return web.json_response(asdict(fault), status=201)

    async def _kubeconfig(self, request: web.Request) -> web.Response:
        """A kubeconfig for a service account: ``{"namespace": "…", "name": "…"}``."""
        body = await request.json()
        path = self._cluster(request).service_account_kubeconfig(body["namespace"], body["name"])
        return web.json_response({"kubeconfig": str(path)}, status=201)

    async def _operate(self, request: web.Request) -> web.Response:
        machines, operation = self._cluster(request).machines, request.match_info["operation"]
        try:
            return web.json_response(await machines_http.operate(machines, operation, await request.json()), status=201)
        except (ValueError, TypeError) as error:
            raise web.HTTPBadRequest(text=str(error)) from error

    async def _mend(self, request: web.Request) -> web.Response:
        """Lift what was asked for in the same words; without a body, everything."""
        book = self._cluster(request).simulated.faults
        if not request.can_read_body:
            book.lift_all()
            return web.json_response({"lifted": "all"})
        asked = await _asked(request)
        same = [one for one in book.active if _identity(one) == _identity(asked)]
        for fault in same:
            book.lift(fault)
        return web.json_response({"lifted": len(same)})

    def _cluster(self, request: web.Request) -> LabCluster:
        name = request.match_info["name"]
        if name not in self._clusters:
            raise web.HTTPNotFound(text=f"there is no cluster {name}; there are {', '.join(self._clusters)}")
        return self._clusters[name]


def _identity(fault: Fault) -> tuple[object, ...]:
    return (fault.kind, fault.node, fault.argv, fault.namespace, fault.name, fault.component)


async def _asked(request: web.Request) -> Fault:
    try:
        return from_request(await request.json())
    except (ValueError, TypeError) as error:
        raise web.HTTPBadRequest(text=str(error)) from error
