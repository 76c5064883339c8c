"""May this user do that? Answered from the RBAC objects in the store and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lab.statuses import ApiError
from lab.store import Store


@dataclass(frozen=True)
class User:
    """Who asks."""

    name: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class Question:
    """What somebody wants to do; either to a resource or to a bare path."""

    verb: str
    group: str = ""
    resource: str = ""
    subresource: str = ""
    namespace: str | None = None
    name: str | None = None
    path: str | None = None

    @property
    def full_resource(self) -> str:
        return f"{self.resource}/{self.subresource}" if self.subresource else self.resource


def allowed(store: Store, user: User, question: Question) -> bool:
    return why_allowed(store, user, question) is not None


def why_allowed(store: Store, user: User, question: Question) -> str | None:
    """As a review tells it: which binding grants it; nothing said of the superuser, whom no rule is asked about."""
    if "system:masters" in user.groups:
        return ""
    for binding, subject, rules in _granted(store, user, question.namespace):
        if any(_grants(rule, question) for rule in rules):
            return f"RBAC: allowed by {_named(binding)} of {_role_of(binding)} to {_subject(subject)}"
    return None


def forbidden(user: User, question: Question) -> ApiError:
    if question.path is not None:
        message = f'forbidden: User "{user.name}" cannot {question.verb} path "{question.path}"'
        return ApiError(403, "Forbidden", message, {})
    scope = f'in the namespace "{question.namespace}"' if question.namespace else "at the cluster scope"
    qualified = f"{question.resource}.{question.group}" if question.group else question.resource
    subject = f'{qualified} "{question.name}"' if question.name else qualified
    message = (
        f'{subject} is forbidden: User "{user.name}" cannot {question.verb} resource '
        f'"{question.full_resource}" in API group "{question.group}" {scope}'
    )
    details = ({"name": question.name} if question.name else {}) | ({"group": question.group} if question.group else {})
    return ApiError(403, "Forbidden", message, details | {"kind": question.resource})


def _granted(
    store: Store, user: User, namespace: str | None
) -> Iterator[tuple[dict[str, Any], dict[str, str], list[dict[str, Any]]]]:
    """Every binding of this user, whom it names, and the rules that it grants."""
    for binding in store.each("ClusterRoleBinding"):
        for subject in _bound(binding, user):
            yield binding, subject, _role_rules(store, binding["roleRef"], None)
    if namespace is not None:
        for binding in store.each("RoleBinding", namespace):
            for subject in _bound(binding, user):
                yield binding, subject, _role_rules(store, binding["roleRef"], namespace)


def _named(binding: dict[str, Any]) -> str:
    meta = binding["metadata"]
    name = f"{meta['name']}/{meta['namespace']}" if meta.get("namespace") else meta["name"]
    return f'{binding["kind"]} "{name}"'


def _role_of(binding: dict[str, Any]) -> str:
    return f'{binding["roleRef"]["kind"]} "{binding["roleRef"]["name"]}"'


def _subject(subject: dict[str, str]) -> str:
    name = subject["name"]
    whole = f"{name}/{subject['namespace']}" if subject.get("namespace") else name
    return f'{subject["kind"]} "{whole}"'


def _role_rules(store: Store, reference: dict[str, str], namespace: str | None) -> list[dict[str, Any]]:
    role = store.find(reference["kind"], namespace, reference["name"])
    return (role or {}).get("rules") or []


def _bound(binding: dict[str, Any], user: User) -> list[dict[str, str]]:
    return [subject for subject in binding.get("subjects") or [] if _is(subject, binding, user)]


def _is(subject: dict[str, str], binding: dict[str, Any], user: User) -> bool:
    match subject["kind"]:
        case "Group":
            return subject["name"] in user.groups
        case "ServiceAccount":
            namespace = subject.get("namespace") or binding["metadata"].get("namespace")
            return user.name == f"system:serviceaccount:{namespace}:{subject['name']}"
        case _:
            return subject["name"] == user.name


def _grants(rule: dict[str, Any], question: Question) -> bool:
    if not _listed(question.verb, rule.get("verbs")):
        return False
    if question.path is not None:
        return any(_path_matches(one, question.path) for one in rule.get("nonResourceURLs") or [])
    names = rule.get("resourceNames")
    return (
        _listed(question.group, rule.get("apiGroups"))
        and _resource_listed(question, rule.get("resources") or [])
        and (not names or question.name in names)
    )


def _resource_listed(question: Question, resources: list[str]) -> bool:
    wanted = {"*", question.full_resource}
    if question.subresource:
        wanted.add(f"*/{question.subresource}")
    return bool(wanted.intersection(resources))


def _listed(value: str, among: list[str] | None) -> bool:
    return not {"*", value}.isdisjoint(among or ())


def _path_matches(pattern: str, path: str) -> bool:
    return path.startswith(pattern[:-1]) if pattern.endswith("*") else path == pattern
