"""From an HTTP request to an answer: who asks, for what, and may they?"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import yaml
from aiohttp import web

from lab import api_discovery, api_objects, api_reviews
from lab.api_door import Phase
from lab.kinds import BY_PLURAL, Resource
from lab.query import is_true
from lab.rbac import Question, User, allowed, forbidden
from lab.records import ApiRecord, now
from lab.statuses import ApiError, bad_request, method_not_allowed, no_such_path

if TYPE_CHECKING:
    from lab.cluster import SimulatedCluster

_VERBS = {
    "GET": "get",
    "HEAD": "get",
    "POST": "create",
    "PUT": "update",
    "PATCH": "patch",
    "DELETE": "delete",
}


@dataclass(frozen=True)
class Target:
    """What a path points at."""

    group: str
    version: str
    plural: str
    namespace: str | None = None
    name: str | None = None
    subresource: str = ""

    @property
    def resource(self) -> Resource | None:
        return BY_PLURAL.get((self.group, self.version, self.plural))


def build_app(cluster: SimulatedCluster) -> web.Application:
    app = web.Application(client_max_size=16 * 1024**2)

    async def handle(request: web.Request) -> web.StreamResponse:
        cluster.records.requests += 1
        return await _handle(cluster, request)

    app.router.add_route("*", "/{path:.*}", handle)
    return app


async def _handle(cluster: SimulatedCluster, request: web.Request) -> web.StreamResponse:
    await cluster.faults.network()
    if not cluster.api_available:
        return web.Response(status=503)  # to nobody: its connection is gone
    user, body = None, None
    try:
        peer = request.transport.get_extra_info("peercert") if request.transport else None
        user = cluster.identity.user(request.headers.get("Authorization"), peer)
        body = _parse(await request.read())
        response = await _answer(cluster, request, user, body)
    except ApiError as error:
        response = json_response(error.body, error.code)
        if seconds := (error.body.get("details") or {}).get("retryAfterSeconds"):
            response.headers["Retry-After"] = str(seconds)
    if request.method not in ("GET", "HEAD"):
        name = user.name if user else "unauthenticated"
        verb = _VERBS.get(request.method, request.method)
        record = ApiRecord(now(), name, verb, request.path_qs, response.status, body)
        if api_objects.is_dry_run(request, body):
            cluster.records.dry_runs.append(record)
        else:
            cluster.records.mutated(record)
    return response


def json_response(content: Any, code: int = 200) -> web.Response:
    return web.json_response(content, status=code, headers={"Cache-Control": "no-cache, private"})


def _parse(raw: bytes) -> Any:
    if not raw:
        return None
    try:
        return json.loads(raw)
    except ValueError:
        pass
    try:
        return yaml.safe_load(raw)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise bad_request(f"the object provided is unrecognized: {error}") from error


async def _answer(cluster: SimulatedCluster, request: web.Request, user: User, body: Any) -> web.StreamResponse:
    target = parse_path(request.path)
    if target is None:
        return _plain_path(cluster, request, user)
    verb = _verb(request, target)
    question = Question(verb, target.group, target.plural, target.subresource, target.namespace, target.name)
    if not _may(cluster, user, question):
        raise forbidden(user, question)
    if (target.group, target.version, target.plural) in api_reviews.served(cluster):
        return json_response(api_reviews.answer(cluster.store, target.plural, user, body or {}), 201)
    if target.resource is None or (target.resource.namespaced and target.name and not target.namespace):
        raise no_such_path()
    return await api_objects.answer(cluster, request, target, verb, body)


def _may(cluster: SimulatedCluster, user: User, question: Question) -> bool:
    """An apiserver that has just started knows no rules, so nobody has any right."""
    return cluster.door.answers and allowed(cluster.store, user, question)


def parse_path(path: str) -> Target | None:
    """None for everything that is not a resource: health, version, discovery."""
    parts = [part for part in path.split("/") if part]
    if parts[:2] == ["api", "v1"]:
        group, version, rest = "", "v1", parts[2:]
    elif parts[:1] == ["apis"] and len(parts) > 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return None
    namespace = None
    if rest[:1] == ["namespaces"] and len(rest) > 2 and rest[2] not in ("status", "finalize"):
        namespace, rest = rest[1], rest[2:]
    if not rest:
        return None
    plural, name, subresource = (*rest, "", "")[:3]
    return Target(group, version, plural, namespace, name or None, subresource)


def _verb(request: web.Request, target: Target) -> str:
    verb = _VERBS.get(request.method)
    if verb is None:
        raise method_not_allowed()
    if verb == "get" and not target.name:
        return "watch" if is_true(request.query.get("watch")) else "list"
    return "deletecollection" if verb == "delete" and not target.name else verb


def _plain_path(cluster: SimulatedCluster, request: web.Request, user: User) -> web.Response:
    question = Question(_VERBS.get(request.method, "get"), path=request.path)
    if not _may(cluster, user, question):
        raise forbidden(user, question)
    if cluster.door.phase is not Phase.SERVING and api_discovery.is_health(request.path):
        return web.Response(text=api_discovery.not_ready(request.path), content_type="text/plain", status=500)
    content = api_discovery.content(cluster, request.path, "verbose" in request.query)
    if content is None:
        raise no_such_path()
    if isinstance(content, bytes):
        return web.Response(body=content, content_type="application/octet-stream")
    if isinstance(content, str):
        return web.Response(text=content, content_type="text/plain")
    return json_response(content)
