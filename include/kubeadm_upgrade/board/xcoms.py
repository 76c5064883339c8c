"""What the XComs of a run hold, read back: written by a worker, by a trigger, by this release or an earlier one.

A board must come about whatever they hold. So what is not ours, or not whole, is read as if it were not there.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from kubeadm_upgrade.board.record import Failure, Marks, NodeRecord, Pace, Waiting

Json = Mapping[str, Any]


def unwrapped(value: Any) -> Any:
    """The value itself. What a TaskSuccessEvent pushes is encoded twice, and comes back as JSON text."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def outcomes_of(value: Any) -> tuple[Json, ...]:
    """The return value of a task: of one step its outcome, of several a list of them."""
    plain = unwrapped(value)
    every = plain if isinstance(plain, list | tuple) else [plain]
    return tuple(one for one in every if isinstance(one, Mapping) and {"step", "node", "status"} <= one.keys())


def outcomes_in(values: Iterable[Any]) -> list[Json]:
    """Of the return values of many."""
    return [outcome for value in values for outcome in outcomes_of(value)]


def waiting_in(value: Any) -> Waiting | None:
    """The XCom `waiting`."""
    plain = unwrapped(value)
    if not isinstance(plain, Mapping):
        return None
    reason, since = plain.get("reason"), time_in(plain.get("since"))
    kind, reason_since = str(plain.get("kind") or ""), time_in(plain.get("reason_since"))
    done = outcomes_of(plain.get("done"))
    return Waiting(str(reason), since, kind, reason_since, done) if reason and since else None


def failure_in(value: Any) -> Failure | None:
    """The XCom `failure`: its first line is the fact, the others are what a host has said."""
    plain = unwrapped(value)
    if not isinstance(plain, Mapping) or not plain.get("why"):
        return None
    why, *said = str(plain["why"]).splitlines() or [""]
    return Failure(why, str(plain.get("do") or ""), tuple(said), outcomes_of(plain.get("done")))


def blocks_in(value: Any) -> tuple[str, ...]:
    """The XCom `judged` of preflight: the checks that block, each once."""
    plain = unwrapped(value)
    found = [one for one in plain if isinstance(one, list) and len(one) == 3] if isinstance(plain, list) else []
    return tuple(dict.fromkeys(str(check) for check, severity, _ in found if severity == "block"))


def nodes_in(value: Any) -> tuple[NodeRecord, ...]:
    """The nodes in what a look has returned."""
    plain = unwrapped(value)
    nodes = plain.get("nodes") if isinstance(plain, Mapping) else None
    return tuple(
        NodeRecord(str(node["name"]), str(node.get("kubelet") or ""), bool(node.get("control_plane")))
        for node in (nodes if isinstance(nodes, list) else ())
        if isinstance(node, Mapping) and node.get("name")
    )


def marks_in(value: Any) -> Marks:
    """The XCom `marks`: the ledger's holds, as a look or the steering has left them."""
    plain = unwrapped(value)
    if not isinstance(plain, Mapping):
        return Marks()
    given_up = plain.get("given_up")
    return Marks(
        paused=_text(plain.get("paused")),
        aborted=_text(plain.get("aborted")),
        given_up={str(node): str(why) for node, why in given_up.items()} if isinstance(given_up, Mapping) else {},
        at=time_in(plain.get("at")),
        run=_text(plain.get("run")),
    )


def pace_in(value: Any) -> Pace:
    """The XCom `pace`: what a look has read of the ledger's durations, and of the cluster's file."""
    plain = unwrapped(value)
    if not isinstance(plain, Mapping):
        return Pace()
    durations, at_once = plain.get("durations"), plain.get("workers_at_once")
    measured = {
        str(step): tuple(float(one) for one in seconds if isinstance(one, int | float) and 0 <= one < 1e9)
        for step, seconds in (durations.items() if isinstance(durations, Mapping) else ())
        if isinstance(seconds, list)
    }
    return Pace(measured, at_once if isinstance(at_once, int) and at_once > 0 else 1)


def text_in(value: Any) -> str | None:
    """A sentence: not another value that is there, and none that says nothing."""
    plain = unwrapped(value)
    return plain if isinstance(plain, str) and plain else None


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def time_in(text: Any) -> datetime | None:
    """A moment, as outcomes and words of waiting tasks have it; None for what is none."""
    try:
        time = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
