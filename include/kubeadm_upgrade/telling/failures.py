"""Which failures of nodes' tasks are told: hundreds may fail at once, for one reason, or since somebody wants it so.

Each of them tells from a process of its own, and knows of the others by the report that it has just written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from kubeadm_upgrade.board.words import brief
from kubeadm_upgrade.drain.quarantine import is_quarantine
from kubeadm_upgrade.telling.events import Event, Kind

MOST = 10  # kinds of failure that stand in a run at once
_MOST_LETTERS = 180  # of the reason: what comes after it must not be cut off

_FOR_ALL = "Nodes that fail the same way are not told one by one"
_LAST = f"Failures of {MOST} kinds stand now: until they are mended others are not told, see the board"

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Failure:
    """Of a task of a node, for good. `at`: when, in ISO format and UTC."""

    task: str  # with its group
    node: str
    what: str
    at: str

    @property
    def kind(self) -> tuple[str, str]:
        """The step, and the reason without the node's name: one of those that fail so tells it for all."""
        name = rf"(?<![\w.-]){re.escape(self.node)}(?![\w-]|\.\w)"
        return self.task, re.sub(name, "", self.what)

    @property
    def step(self) -> str:
        return self.task.rpartition(".")[2]


def task_failed(
    cluster: str, failed: Failure, do: str, said: Sequence[str], again: str, written: Json | None
) -> Event | None:
    """The run is not over: other nodes go on, or wait for this one. None: it is not told by itself.

    `written`: the report; None: there is none, and what others have told is not known: one tells it for all of its
    step. `again`: what tells this failure from an earlier one that was cleared.
    """
    if written is None:
        return _event(cluster, failed, do, said, f"{failed.task} {again}", [_FOR_ALL])
    if failed.node in _given_up(written):
        return None
    before = {other.kind for other in _standing(written) if other.at < failed.at} - {failed.kind}
    if len(before) >= MOST:
        return None
    keeps = failed.node in written.get("slots", ()) and failed.node not in (written.get("given_up") or ())
    slot = ["The node keeps its slot"] if keeps else []
    others = _LAST if len(before) == MOST - 1 else _FOR_ALL
    return _event(cluster, failed, do, said, f"{_digest(failed.kind)} {again}", [*slot, others])


def _event(cluster: str, failed: Failure, do: str, said: Sequence[str], key: str, beside: Sequence[str]) -> Event:
    why = brief(failed.what, _MOST_LETTERS)
    text = ". ".join((f"{failed.node}: {failed.step} has failed: {why.removesuffix('.')}", *beside))
    lines = said if why == failed.what else (failed.what, *said)
    more = "\n".join(("```", *(line.replace("```", "'''") for line in lines), "```")) if lines else ""
    return Event(Kind.TASK_FAILED, cluster, text, more, do, failed.node, key)


def _given_up(written: Json) -> set[str]:
    """Workers that somebody has decided to leave; the control plane cannot go on without one of its nodes."""
    decided = {node for node, why in (written.get("given_up") or {}).items() if not is_quarantine(str(why))}
    return decided - set((written.get("hop") or {}).get("control_plane", ()))


def _standing(written: Json) -> Iterator[Failure]:
    """What was told, or would have been, and was not mended since: a task that begins anew takes back why it failed."""
    given_up = _given_up(written)
    for task in written.get("unfinished", ()):
        if task.get("node") and task.get("at") and not task.get("ruled_out") and task["node"] not in given_up:
            yield Failure(task["task"], task["node"], next(iter(task["why"].splitlines()), ""), task["at"])


def _digest(kind: tuple[str, str]) -> str:
    """What a host has said may hold what no database takes for text."""
    return sha256("\0".join(kind).encode(errors="replace")).hexdigest()[:16]
