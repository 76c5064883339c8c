"""The Status objects Kubernetes answers with; texts as golden/*-body.json."""

from __future__ import annotations

from typing import Any

from lab.kinds import Resource


class ApiError(Exception):
    """A request that is answered with a Status."""

    def __init__(self, code: int, reason: str, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.body = status(code, reason, message, details)


def status(code: int, reason: str, message: str, details: dict[str, Any] | None = None) -> dict[str, Any]:
    body: dict[str, Any] = {"kind": "Status", "apiVersion": "v1", "metadata": {}}
    body |= {"status": "Success" if code < 300 else "Failure"}
    body |= {"message": message} if message else {}
    body |= {"reason": reason} if reason else {}
    body |= {"details": details} if details else {}
    return body | {"code": code}


def _details(resource: Resource, name: str) -> dict[str, str]:
    return {"name": name} | ({"group": resource.group} if resource.group else {}) | {"kind": resource.plural}


def not_found(resource: Resource, name: str) -> ApiError:
    message = f'{resource.qualified} "{name}" not found'
    return ApiError(404, "NotFound", message, _details(resource, name))


def already_exists(resource: Resource, name: str) -> ApiError:
    message = f'{resource.qualified} "{name}" already exists'
    return ApiError(409, "AlreadyExists", message, _details(resource, name))


def conflict(resource: Resource, name: str) -> ApiError:
    message = (
        f'Operation cannot be fulfilled on {resource.qualified} "{name}": the object has been modified; '
        "please apply your changes to the latest version and try again"
    )
    return ApiError(409, "Conflict", message, _details(resource, name))


def other_uid(name: str, wanted: str, found: str, kind: str = "Pod") -> ApiError:
    message = (
        f'Operation cannot be fulfilled on {kind} "{name}": the UID in the precondition ({wanted}) does not match the '
        f"UID in record ({found}). The object might have been deleted and then recreated"
    )
    return ApiError(409, "Conflict", message, {"name": name, "kind": kind})


def namespace_terminating(namespace: str) -> ApiError:
    message = f"unable to create new content in namespace {namespace} because it is being terminated"
    causes = [{"reason": "NamespaceTerminating", "message": f"namespace {namespace} is being terminated"}]
    return ApiError(403, "Forbidden", message, {"causes": [{**causes[0], "field": "metadata.namespace"}]})


def denied_by_webhook(says: str) -> ApiError:
    return ApiError(403, "Forbidden", f'admission webhook "evictions.example.org" denied the request: {says}')


def denied_by_policy(pod: str, says: str) -> ApiError:
    """Of a ValidatingAdmissionPolicy that gives no reason."""
    message = f"ValidatingAdmissionPolicy 'evictions.example.org' with binding 'evictions' denied request: {says}"
    details = {"name": pod, "kind": "pods", "causes": [{"message": message}]}
    return ApiError(422, "Invalid", f'pods "{pod}" is forbidden: {message}', details)


def knows_no_dry_run() -> ApiError:
    return bad_request('admission webhook "evictions.example.org" does not support dry run')


def too_many_requests() -> ApiError:
    """Of API priority and fairness, which says when to come back."""
    message = "Too many requests, please try again later."
    return ApiError(429, "TooManyRequests", message, {"retryAfterSeconds": 1})


def bad_request(message: str) -> ApiError:
    return ApiError(400, "BadRequest", message)


def unauthorized() -> ApiError:
    return ApiError(401, "Unauthorized", "Unauthorized")


def no_such_path() -> ApiError:
    return ApiError(404, "NotFound", "the server could not find the requested resource", {})


def method_not_allowed() -> ApiError:
    message = "the server does not allow this method on the requested resource"
    return ApiError(405, "MethodNotAllowed", message, {})


def expired(since: int, oldest: int) -> ApiError:
    return ApiError(410, "Expired", f"too old resource version: {since} ({oldest})")
