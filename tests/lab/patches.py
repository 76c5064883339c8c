"""What does an object look like after a patch?"""

from __future__ import annotations

import copy
from typing import Any

from lab.statuses import ApiError, bad_request

#: Lists that a strategic merge patch merges by key; everything else is replaced.
_MERGE_KEYS = {
    "conditions": ("type",),
    "taints": ("key", "effect"),
    "containers": ("name",),
    "addresses": ("type",),
    "ownerReferences": ("uid",),
    "env": ("name",),
    "volumes": ("name",),
    "tolerations": ("key", "effect"),
}


def merge(target: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge(result.get(key), value)
    return result


def strategic_merge(target: Any, patch: Any) -> Any:
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    if patch.get("$patch") == "replace":
        return {key: copy.deepcopy(value) for key, value in patch.items() if key != "$patch"}
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if key.startswith(("$setElementOrder/", "$retainKeys", "$deleteFromPrimitiveList/")):
            continue
        if value is None:
            result.pop(key, None)
        elif isinstance(value, list) and key in _MERGE_KEYS:
            result[key] = _merge_list(result.get(key) or [], value, _MERGE_KEYS[key])
        else:
            result[key] = strategic_merge(result.get(key), value)
    return result


def _merge_list(current: list[Any], patch: list[Any], keys: tuple[str, ...]) -> list[Any]:
    if any(one.get("$patch") == "replace" for one in patch):
        return [copy.deepcopy(one) for one in patch if "$patch" not in one]
    result = [copy.deepcopy(one) for one in current]
    for one in patch:
        place = next((i for i, old in enumerate(result) if _same(old, one, keys)), None)
        if one.get("$patch") == "delete":
            if place is not None:
                del result[place]
        elif place is None:
            result.append(copy.deepcopy(one))
        else:
            result[place] = strategic_merge(result[place], one)
    return result


def _same(old: dict[str, Any], new: dict[str, Any], keys: tuple[str, ...]) -> bool:
    """Keys the patch does not name are not compared: a taint may be patched by its key alone."""
    return all(old.get(key) == new[key] for key in keys if key in new)


def json_patch(target: Any, operations: list[dict[str, Any]]) -> Any:
    """RFC 6902; a failed ``test`` is 422 Invalid, as in Kubernetes."""
    document = copy.deepcopy(target)
    for operation in operations:
        document = _operate(document, operation)
    return document


def _operate(document: Any, operation: dict[str, Any]) -> Any:
    match operation.get("op"):
        case "add":
            _place(document, operation["path"], operation["value"], insert=True)
        case "replace":
            _take(document, operation["path"])
            _place(document, operation["path"], operation["value"], insert=True)
        case "remove":
            _take(document, operation["path"])
        case "test":
            _test(document, operation)
        case "move" | "copy":
            value = copy.deepcopy(_look(document, operation["from"]))
            if operation["op"] == "move":
                _take(document, operation["from"])
            _place(document, operation["path"], value, insert=True)
        case unknown:
            raise bad_request(f"Unexpected kind: {unknown}")
    return document


def _test(document: Any, operation: dict[str, Any]) -> None:
    try:
        same = _look(document, operation["path"]) == operation["value"]
    except ApiError:
        same = operation["value"] is None
    if not same:
        message = (
            f"the server rejected our request due to an error in our request: testing value {operation['path']} failed"
        )
        raise ApiError(422, "Invalid", message)


def _parts(path: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]


def _look(document: Any, path: str) -> Any:
    for part in _parts(path):
        try:
            document = document[int(part)] if isinstance(document, list) else document[part]
        except (KeyError, IndexError, ValueError, TypeError):
            raise ApiError(422, "Invalid", f"the path {path} does not exist") from None
    return document


def _parent(document: Any, path: str) -> tuple[Any, str]:
    *above, last = _parts(path)
    return _look(document, "".join("/" + p.replace("~", "~0").replace("/", "~1") for p in above)), last


def _take(document: Any, path: str) -> None:
    _look(document, path)
    parent, last = _parent(document, path)
    del parent[int(last) if isinstance(parent, list) else last]


def _place(document: Any, path: str, value: Any, insert: bool) -> None:
    parent, last = _parent(document, path)
    if isinstance(parent, list):
        parent.insert(len(parent) if last == "-" else int(last), value)
    else:
        parent[last] = value
