"""Everything the API says about itself: health, version, groups, resources, metrics."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lab.api_reviews import NO_REVIEWS, Review, served
from lab.kinds import RESOURCES, VERBS, Resource, groups
from lab.releases import client_version

if TYPE_CHECKING:
    from lab.cluster import SimulatedCluster

#: golden/readyz-1.22.txt
_CHECKS = (
    "ping", "log", "etcd", "informer-sync", "poststarthook/start-kube-apiserver-admission-initializer",
    "poststarthook/generic-apiserver-start-informers", "poststarthook/start-apiextensions-informers",
    "poststarthook/start-apiextensions-controllers", "poststarthook/crd-informer-synced",
    "poststarthook/bootstrap-controller", "poststarthook/rbac/bootstrap-roles",
    "poststarthook/scheduling/bootstrap-system-priority-classes",
    "poststarthook/start-cluster-authentication-info-controller",
    "poststarthook/start-kube-aggregator-informers", "poststarthook/apiservice-registration-controller",
    "autoregister-completion", "shutdown",
)  # fmt: skip
#: What is done last by an apiserver that starts.
_LAST = "poststarthook/rbac/bootstrap-roles"


def content(cluster: SimulatedCluster, path: str, verbose: bool) -> str | dict[str, Any] | None:
    """The answer for a path that is no resource; None is 404."""
    health = path.strip("/")
    if is_health(path):
        return _health(health) if verbose else "ok"
    fixed: dict[str, str | dict[str, Any]] = {
        "version": client_version(cluster.control_plane.answering()),
        "metrics": cluster.metrics,
        "api": {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []},
        "apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": [_group(one) for one in groups()]},
        "api/v1": _resources("", "v1"),
    }
    found = re.fullmatch(r"apis/([^/]+)(?:/([^/]+))?", health)
    return _named_group(cluster, found.group(1), found.group(2)) if found else fixed.get(health)


def is_health(path: str) -> bool:
    return path.strip("/") in ("readyz", "livez", "healthz")


def not_ready(path: str) -> str:
    """golden/kubelet-restart-control-plane-1.33-to-1.34-timeline.txt, between 403 and 200."""
    lines = (f"[-]{one} failed: reason withheld" if one == _LAST else f"[+]{one} ok" for one in _CHECKS)
    return "\n".join([*lines, f"{path.strip('/')} check failed", ""])


def _health(what: str) -> str:
    return "".join(f"[+]{check} ok\n" for check in _CHECKS) + f"{what} check passed\n"


def _named_group(cluster: SimulatedCluster, name: str, version: str | None) -> dict[str, Any] | None:
    if name not in groups() or version not in (None, "v1"):
        return None
    return (
        _resources(name, version, served(cluster))
        if version
        else {"kind": "APIGroup", "apiVersion": "v1"} | _group(name)
    )


def _group(name: str) -> dict[str, Any]:
    version = {"groupVersion": f"{name}/v1", "version": "v1"}
    return {"name": name, "versions": [version], "preferredVersion": version}


def _resources(group: str, version: str, reviews: Mapping[Review, str] = NO_REVIEWS) -> dict[str, Any]:
    rows = [row for r in RESOURCES if (r.group, r.version) == (group, version) for row in _rows(r)]
    for (own, _, plural), kind in reviews.items():
        if own == group:
            rows.append({"name": plural, "singularName": "", "namespaced": False, "kind": kind, "verbs": ["create"]})
    name = f"{group}/{version}" if group else version
    return {"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": name, "resources": rows}


def _rows(resource: Resource) -> list[dict[str, Any]]:
    base = {"namespaced": resource.namespaced, "kind": resource.kind}
    row = {"name": resource.plural, "singularName": resource.kind.lower(), "verbs": list(VERBS)}
    rows = [base | row | {"shortNames": list(resource.short_names)}]
    if resource.status:
        verbs = ["get", "patch", "update"]
        rows.append(base | {"name": f"{resource.plural}/status", "singularName": "", "verbs": verbs})
    if resource.kind == "Pod":
        eviction = {"name": "pods/eviction", "singularName": "", "group": "policy", "version": "v1"}
        rows.append(base | eviction | {"kind": "Eviction", "verbs": ["create"]})
    return rows
