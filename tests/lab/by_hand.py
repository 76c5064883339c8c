"""Break a lab that runs, and mend it, from another terminal."""

from __future__ import annotations

import contextlib
import json
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any


class NotDone(Exception):
    """Why a lab could not be broken or mended, in a sentence."""


def break_cluster(directory: Path, cluster: str, fault: str, settings: Sequence[str]) -> str:
    """`settings` are `name=value`, as lab_faults.Faults names them. Raises NotDone."""
    body = {"fault": fault, **dict(_setting(text) for text in settings)}
    told = _ask(directory, cluster, "POST", body)
    where = " on " + told["node"] if told["node"] else ""
    return f"{cluster}: {told['kind']}{where} is in force"


def mend_cluster(directory: Path, cluster: str) -> str:
    """Lift every fault. Raises NotDone."""
    _ask(directory, cluster, "DELETE")
    return f"{cluster}: nothing is broken on purpose any more"


def _setting(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise NotDone(f"{text!r} is not like name=value, such as node=demo-a-w2 or seconds=30")
    with contextlib.suppress(ValueError):
        return name, json.loads(value)  # a number, true, null; anything else is text
    return name, value


def _ask(directory: Path, cluster: str, method: str, body: dict[str, Any] | None = None) -> Any:
    try:
        base = json.loads((directory / "lab.json").read_text())["control_url"]
    except (OSError, ValueError) as error:
        raise NotDone(f"no lab runs in {directory}: start one with --directory {directory}") from error
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{base}/clusters/{cluster}/faults", data, method=method)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise NotDone(error.read().decode()) from error
    except urllib.error.URLError as error:
        raise NotDone(f"the lab in {directory} does not run any more") from error
