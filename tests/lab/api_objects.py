"""Reading and writing objects over HTTP."""

from __future__ import annotations

import base64
import copy
import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

from lab import api_tables, api_watch, patches, statuses
from lab.budgets import evict
from lab.kinds import Resource
from lab.selectors import matches_fields, matches_labels
from lab.store import Item

if TYPE_CHECKING:
    from lab.api_requests import Target
    from lab.cluster import SimulatedCluster


async def answer(
    cluster: SimulatedCluster, request: web.Request, target: Target, verb: str, body: Any
) -> web.StreamResponse:
    resource = target.resource
    assert resource is not None
    if target.subresource and target.subresource != "status":
        return _subresource(cluster, request, target, body)
    if verb == "watch":
        return await api_watch.stream(cluster, request, resource, target.namespace)
    if verb == "list":
        return _respond(request, resource, _list(cluster, request, resource, target))
    if verb == "get":
        return _respond(request, resource, cluster.store.get(resource, target.namespace, target.name or ""))
    return _written(cluster, request, target, verb, body)


def _written(cluster: SimulatedCluster, request: web.Request, target: Target, verb: str, body: Any) -> web.Response:
    resource = target.resource
    assert resource is not None
    match verb:
        case "create":
            return _json(_create(cluster, request, resource, target, body), 201)
        case "update" | "patch":
            return _json(_write(cluster, request, resource, target, body))
        case "delete":
            return _json(_delete(cluster, request, resource, target, body or {}))
    raise statuses.method_not_allowed()


def _json(content: Any, code: int = 200) -> web.Response:
    return web.json_response(content, status=code, headers={"Cache-Control": "no-cache, private"})


def _respond(request: web.Request, resource: Resource, content: Item) -> web.Response:
    if api_tables.wanted(request):
        return _json(api_tables.table(resource, content))
    return _json(content)


def _list(cluster: SimulatedCluster, request: web.Request, resource: Resource, target: Target) -> Item:
    label, field = request.query.get("labelSelector", ""), request.query.get("fieldSelector", "")
    items = [item for item in cluster.store.each(resource.kind, target.namespace) if _matches(item, label, field)]
    metadata: dict[str, Any] = {"resourceVersion": str(cluster.store.version)}
    items, rest = _page(items, request.query)
    if rest:
        metadata |= {"continue": _token(items[-1]), "remainingItemCount": rest}
    kind = {"kind": f"{resource.kind}List", "apiVersion": resource.group_version}
    return kind | {"metadata": metadata, "items": [copy.deepcopy(item) for item in items]}


def _matches(item: Item, label: str, field: str) -> bool:
    return matches_labels(label, item["metadata"].get("labels") or {}) and matches_fields(field, item)


def _page(items: list[Item], query: Any) -> tuple[list[Item], int]:
    limit = int(query.get("limit") or 0)
    if token := query.get("continue"):
        try:
            after = tuple(json.loads(base64.urlsafe_b64decode(token)))
        except ValueError:
            raise statuses.bad_request("continue key is not valid") from None
        items = [item for item in items if _place(item) > after]
    return (items[:limit], max(0, len(items) - limit)) if limit else (items, 0)


def _place(item: Item) -> tuple[str, str]:
    return (item["metadata"].get("namespace", ""), item["metadata"]["name"])


def _token(item: Item) -> str:
    return base64.urlsafe_b64encode(json.dumps(_place(item)).encode()).decode()


def is_dry_run(request: web.Request, body: Any = None) -> bool:
    """By its query; and by the options of a deletion, which webhooks of an Eviction are not told of."""
    return "All" in [*request.query.getall("dryRun", []), *_options(body).get("dryRun", [])]


def _options(body: Any) -> Item:
    return (body.get("deleteOptions") if isinstance(body, dict) else None) or {}


def _subresource(cluster: SimulatedCluster, request: web.Request, target: Target, body: Any) -> web.Response:
    if request.method == "POST" and (target.plural, target.subresource) == ("pods", "eviction"):
        dry, told = is_dry_run(request, body), is_dry_run(request)
        return _json(evict(cluster, target.namespace or "", target.name or "", body or {}, dry, told), 201)
    if request.method == "POST" and (target.plural, target.subresource) == ("serviceaccounts", "token"):
        assert target.resource is not None
        cluster.store.get(target.resource, target.namespace, target.name or "")
        status = {"token": cluster.identity.token(target.namespace or "", target.name or "")}
        return _json((body or {}) | {"kind": "TokenRequest", "status": status}, 201)
    raise statuses.no_such_path()


def _checked(resource: Resource, target: Target, body: Any) -> Item:
    """The body as an object of this resource, in the namespace of the path."""
    if not isinstance(body, dict):
        raise statuses.bad_request("the object provided is unrecognized (must be of type Object)")
    item = copy.deepcopy(body)
    item.setdefault("kind", resource.kind)
    item.setdefault("apiVersion", resource.group_version)
    if (item["kind"], item["apiVersion"]) != (resource.kind, resource.group_version):
        wanted = f"{resource.group_version}, Kind={resource.kind}"
        raise statuses.bad_request(f"{item['apiVersion']}, Kind={item['kind']} does not match the expected {wanted}")
    metadata = item.setdefault("metadata", {})
    if resource.namespaced and metadata.setdefault("namespace", target.namespace) != target.namespace:
        raise statuses.bad_request(
            "the namespace of the provided object does not match the namespace sent on the request"
        )
    if target.name and metadata.setdefault("name", target.name) != target.name:
        message = f"the name of the object ({metadata['name']}) does not match the name on the URL ({target.name})"
        raise statuses.bad_request(message)
    return item


def _create(cluster: SimulatedCluster, request: web.Request, resource: Resource, target: Target, body: Any) -> Item:
    if target.name:
        raise statuses.method_not_allowed()
    item = _checked(resource, target, body)
    if resource.namespaced and cluster.store.find("Namespace", None, target.namespace or "") is None:
        raise statuses.ApiError(404, "NotFound", f'namespaces "{target.namespace}" not found')
    metadata = item["metadata"]
    metadata.pop("resourceVersion", None)
    if not metadata.get("name") and not metadata.get("generateName"):
        raise statuses.ApiError(
            422,
            "Invalid",
            f'{resource.kind} "" is invalid: metadata.name: Required value: name or generateName is required',
        )
    if resource.kind == "Pod":
        item.setdefault("status", {"phase": "Pending", "qosClass": "BestEffort"})
    return item if is_dry_run(request) else cluster.store.create(item)


def _write(cluster: SimulatedCluster, request: web.Request, resource: Resource, target: Target, body: Any) -> Item:
    """PUT and PATCH. The main resource keeps its status, the status subresource keeps everything else."""
    if request.method == "PATCH" and request.content_type.startswith("application/apply-patch"):
        item = _checked(resource, target, body)
        if cluster.store.find(resource.kind, target.namespace, target.name or "") is None:
            return cluster.store.create(item)
    current = cluster.store.get(resource, target.namespace, target.name or "")
    new = _checked(resource, target, body if request.method == "PUT" else _patched(request, current, body))
    if resource.status:
        new = _separated(current, new, target.subresource == "status")
    if is_dry_run(request):
        return new
    return cluster.store.replace(new)


def _patched(request: web.Request, current: Item, body: Any) -> Any:
    unconditional = copy.deepcopy(current)
    del unconditional["metadata"]["resourceVersion"]
    kind = request.content_type
    if kind == "application/json-patch+json":
        # A test of the resourceVersion needs it there; the store compares it again.
        return patches.json_patch(current, body)
    if not isinstance(body, dict):
        raise statuses.bad_request("a patch must be an object")
    if kind == "application/strategic-merge-patch+json":
        return patches.strategic_merge(unconditional, body)
    if kind == "application/merge-patch+json" or kind.startswith("application/apply-patch"):
        return patches.merge(unconditional, body)
    raise statuses.ApiError(415, "UnsupportedMediaType", f"the body of the request was in an unknown format - {kind}")


def _separated(current: Item, new: Item, status_only: bool) -> Item:
    if not status_only:
        return {k: v for k, v in new.items() if k != "status"} | {"status": current.get("status", {})}
    kept = {k: v for k, v in current.items() if k != "status"} | {"status": new.get("status", {})}
    version = new["metadata"].get("resourceVersion")
    return kept | {"metadata": kept["metadata"] | ({"resourceVersion": version} if version else {})}


def _delete(cluster: SimulatedCluster, request: web.Request, resource: Resource, target: Target, body: Any) -> Item:
    item = cluster.store.get(resource, target.namespace, target.name or "")
    for key, value in (body.get("preconditions") or {}).items():
        if (found := item["metadata"].get(key)) != value:
            if key == "uid":
                raise statuses.other_uid(target.name or "", value, found, resource.kind)
            raise statuses.conflict(resource, target.name or "")
    if is_dry_run(request, {"deleteOptions": body}):
        return item
    if resource.kind == "Pod":
        grace = body.get("gracePeriodSeconds", request.query.get("gracePeriodSeconds"))
        cluster.take_away(item, "deleted", None if grace is None else int(grace))
        return cluster.store.find("Pod", target.namespace, target.name or "") or item
    cluster.store.remove(resource.kind, target.namespace, target.name or "")
    cluster.controllers.wake()
    details = {"name": target.name, "kind": resource.plural, "uid": item["metadata"]["uid"]}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
