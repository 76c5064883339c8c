"""The tables kubectl prints, for nodes and pods and, shorter, for the rest."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Any

from aiohttp import web

from lab import node_objects, pod_objects
from lab.kinds import Resource
from lab.store import Item

_ROLE = "node-role.kubernetes.io/"


def wanted(request: web.Request) -> bool:
    return "as=Table" in request.headers.get("Accept", "")


def table(resource: Resource, content: Item) -> dict[str, Any]:
    items = content.get("items", [content])
    columns, row = {"Node": (_NODE, _node_cells), "Pod": (_POD, _pod_cells)}.get(resource.kind, (_ANY, _any_cells))
    rows = [{"cells": row(item), "object": _partial(item)} for item in items]
    definitions = [{"name": n, "type": "string", "format": "", "description": n, "priority": p} for n, p in columns]
    kind = {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": content["metadata"] if "items" in content else {},
    }
    return kind | {"columnDefinitions": definitions, "rows": rows}


_NODE = (
    ("Name", 0), ("Status", 0), ("Roles", 0), ("Age", 0), ("Version", 0),
    ("Internal-IP", 1), ("External-IP", 1), ("OS-Image", 1), ("Kernel-Version", 1), ("Container-Runtime", 1),
)  # fmt: skip
_POD = (("Name", 0), ("Ready", 0), ("Status", 0), ("Restarts", 0), ("Age", 0), ("IP", 1), ("Node", 1))
_ANY = (("Name", 0), ("Age", 0))


def _node_cells(item: Item) -> list[str]:
    metadata, info = item["metadata"], item["status"]["nodeInfo"]
    state = {"True": "Ready", "False": "NotReady", "Unknown": "NotReady"}[node_objects.readiness(item)]
    state += "" if node_objects.is_schedulable(item) else ",SchedulingDisabled"
    roles = [label.removeprefix(_ROLE) for label in sorted(metadata["labels"]) if label.startswith(_ROLE)]
    cells = [metadata["name"], state, ",".join(roles) or "<none>", _age(item), info["kubeletVersion"]]
    cells += [item["status"]["addresses"][0]["address"], "<none>", info["osImage"]]
    return [*cells, info["kernelVersion"], info["containerRuntimeVersion"]]


def _pod_cells(item: Item) -> list[str]:
    total = len(item["spec"]["containers"])
    ready = total if pod_objects.is_ready(item) else 0
    state = "Terminating" if pod_objects.is_terminating(item) else item["status"]["phase"]
    cells = [item["metadata"]["name"], f"{ready}/{total}", state, "0", _age(item)]
    return [*cells, item["status"].get("podIP", "<none>"), item["spec"].get("nodeName", "<none>")]


def _any_cells(item: Item) -> list[str]:
    return [item["metadata"]["name"], _age(item)]


def _partial(item: Item) -> dict[str, Any]:
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": item["metadata"]}


def _age(item: Item) -> str:
    seconds = int(time.time() - datetime.fromisoformat(item["metadata"]["creationTimestamp"]).timestamp())
    if seconds < 120:
        return f"{seconds}s"
    return f"{seconds // 60}m" if seconds < 7200 else f"{seconds // 3600}h"
