"""Which rights does an upgrade need? Those of rights/rbac.yaml, the manifest itself: there is no second list."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

MANIFEST = Path(__file__).parent.parent / "rights" / "rbac.yaml"
ACCOUNT = "kubeadm-fleet"
OPTIONAL = "kubeadm-fleet-delete-pods"  # the role that may be left out

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Permission:
    """One verb on one resource; an empty namespace is all of them, an empty name every object."""

    verb: str
    group: str
    resource: str
    subresource: str = ""
    namespace: str = ""
    name: str = ""
    optional: bool = False  # an upgrade goes without it

    def review(self) -> Json:
        """The question as a SelfSubjectAccessReview."""
        attributes = {
            "verb": self.verb,
            "group": self.group,
            "resource": self.resource,
            "subresource": self.subresource,
            "namespace": self.namespace,
            "name": self.name,
        }
        given = {key: value for key, value in attributes.items() if value}
        return {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": given},
        }

    def __str__(self) -> str:
        what = f"{self.resource}/{self.subresource}" if self.subresource else self.resource
        named = f"{what} {self.name}" if self.name else what
        return f"{self.verb} {named}" + (f" in {self.namespace}" if self.namespace else "")


# Nobody needs it: who has it may do everything.
EVERYTHING = Permission("*", "*", "*")


def permissions(manifest: str | None = None) -> tuple[Permission, ...]:
    """Every verb of every rule that the manifest binds, where it binds it."""
    items = list(yaml.safe_load_all(MANIFEST.read_text() if manifest is None else manifest))
    rules = {(item["kind"], item["metadata"]["name"]): item.get("rules") or () for item in items}
    found: dict[Permission, None] = {}
    for item in items:
        if item["kind"] in ("ClusterRoleBinding", "RoleBinding"):
            namespace = item["metadata"].get("namespace", "")
            role = rules[item["roleRef"]["kind"], item["roleRef"]["name"]]
            may_be_missing = item["roleRef"]["name"] == OPTIONAL
            found |= dict.fromkeys(one for rule in role for one in _of_rule(rule, namespace, optional=may_be_missing))
    return tuple(found)


def _of_rule(rule: Json, namespace: str, *, optional: bool) -> Iterator[Permission]:
    names: Sequence[str] = rule.get("resourceNames") or [""]
    for group, resource, name, verb in itertools.product(rule["apiGroups"], rule["resources"], names, rule["verbs"]):
        plural, _, subresource = resource.partition("/")
        yield Permission(verb, group, plural, subresource, namespace, name, optional)
