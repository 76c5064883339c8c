"""A board as a value, and as the JSON that pages, commands and notes show: docs/board.schema.json describes it.

Text in it is plain text, whatever a host, an API or an inventory has said: who shows it escapes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

SCHEMA = 1

Json = dict[str, Any]


class State(StrEnum):
    """How a run stands, in a word."""

    CLAIMING = "claiming"  # it waits for the cluster
    PLANNING = "planning"  # looks, plans, checks: nothing is touched yet
    MOVING = "moving"
    WAITING = "waiting"  # whoever is out of service waits for something that ends by itself
    PAUSED = "paused"
    NEEDS_PERSON = "needs_person"
    ABORTED = "aborted"
    TO_BE_CONTINUED = "to_be_continued"  # it has ended with its window, and something is left
    DONE = "done"
    FAILED = "failed"
    REHEARSED = "rehearsed"
    UNPROVEN = "unproven"  # Airflow calls it a success, and its report is not there


class Tone(StrEnum):
    """What colour a state has, and whether it may cost a night's sleep."""

    GOOD = "good"
    BUSY = "busy"
    WAITS = "waits"
    PERSON = "person"
    BAD = "bad"


TONES: Mapping[State, Tone] = {
    State.CLAIMING: Tone.WAITS,
    State.PLANNING: Tone.BUSY,
    State.MOVING: Tone.BUSY,
    State.WAITING: Tone.WAITS,
    State.PAUSED: Tone.WAITS,
    State.NEEDS_PERSON: Tone.PERSON,
    State.ABORTED: Tone.PERSON,
    State.TO_BE_CONTINUED: Tone.WAITS,
    State.DONE: Tone.GOOD,
    State.FAILED: Tone.BAD,
    State.REHEARSED: Tone.GOOD,
    State.UNPROVEN: Tone.WAITS,
}


@dataclass(frozen=True)
class Call:
    """One request to Airflow's own REST API, made as the user who is logged in: Airflow's rights decide."""

    path: str
    body: Mapping[str, Any]
    method: str = "POST"

    def to_json(self) -> Json:
        return {"method": self.method, "path": self.path, "body": dict(self.body)}


@dataclass(frozen=True)
class Trouble:
    """Why a task has failed, what to do about it, and what was said on the host."""

    why: str
    do: str
    said: tuple[str, ...] = ()

    def to_json(self) -> Json:
        return {"why": self.why, "do": self.do, "said": list(self.said)}


@dataclass(frozen=True)
class Cell:
    """One task of one node, or of the run as a whole.

    `state`: done, unchanged, marked, skipped, running, waiting, retrying, failed, blocked, next or none.
    """

    task: str
    state: str
    map_index: int = -1
    seconds: float | None = None
    tries: int = 0
    reason: str = ""
    since: datetime | None = None
    failure: Trouble | None = None
    log: str = ""
    clear: Call | None = None

    @property
    def step(self) -> str:
        return self.task.rpartition(".")[2]

    def to_json(self) -> Json:
        plain: Json = {
            "task": self.task,
            "map_index": self.map_index,
            "state": self.state,
            "seconds": self.seconds,
            "try": self.tries,
        }
        further = {
            "reason": self.reason,
            "since": iso(self.since),
            "failure": self.failure and self.failure.to_json(),
            "log": self.log,
            "clear": self.clear and self.clear.to_json(),
        }
        return plain | {name: value for name, value in further.items() if value}


@dataclass(frozen=True)
class Row:
    """A node. `state`: done, moving, waiting, failed, queued, given_up, marked or untouched."""

    name: str
    role: str
    before: str
    kubelet: str
    state: str
    sentence: str = ""
    since: datetime | None = None
    cells: tuple[Cell, ...] = ()
    # what a later board compares, to take this row over as it is
    made_of: tuple[Any, ...] = field(default=(), compare=False, repr=False)

    def to_json(self) -> Json:
        return {
            "name": self.name,
            "role": self.role,
            "before": self.before,
            "kubelet": self.kubelet,
            "state": self.state,
            "sentence": self.sentence,
            "since": iso(self.since),
            "cells": [cell.to_json() for cell in self.cells if cell.state != "none"],
        }


@dataclass(frozen=True)
class Column:
    """A step: the heading of its cells, and what it does in one sentence."""

    name: str
    title: str
    doc: str


@dataclass(frozen=True)
class Group:
    """A task group: the steps that its nodes go through, one after the other."""

    name: str
    title: str
    steps: tuple[Column, ...]

    def to_json(self) -> Json:
        return {"name": self.name, "title": self.title, "steps": [vars(step).copy() for step in self.steps]}


@dataclass(frozen=True)
class Stage:
    """A hop of the path. `state`: done, now or next."""

    came_from: str
    to: str
    state: str
    control_plane: tuple[str, ...]
    workers: tuple[str, ...]

    def to_json(self) -> Json:
        return {
            "from": self.came_from,
            "to": self.to,
            "state": self.state,
            "control_plane": list(self.control_plane),
            "workers": list(self.workers),
        }


@dataclass(frozen=True)
class Note:
    """Something that whoever looks after this run should know. `level`: block, warn, mind or bad."""

    level: str
    text: str

    def to_json(self) -> Json:
        return {"level": self.level, "text": self.text}


@dataclass(frozen=True)
class Action:
    """What may be done now: a button that asks once. `needs`: "reason", where something is to be typed."""

    id: str
    label: str
    ask: str
    call: Call
    needs: str | None = None
    node: str | None = None

    def to_json(self) -> Json:
        asked = {"id": self.id, "label": self.label, "ask": self.ask, "needs": self.needs, "node": self.node}
        return asked | self.call.to_json()


@dataclass(frozen=True)
class Progress:
    """How many nodes of how many are done."""

    done: int
    of: int

    def to_json(self) -> Json:
        return {"done": self.done, "of": self.of}


@dataclass(frozen=True)
class Board:
    """A run at one moment."""

    cluster: str
    dag_id: str
    run_id: str
    as_of: datetime
    state: State
    sentence: str
    progress: Progress
    next_run: str | None = None
    started: datetime | None = None
    ended: datetime | None = None
    seconds_left: float | None = None
    path: tuple[Stage, ...] = ()
    findings: tuple[Note, ...] = ()
    groups: tuple[Group, ...] = ()
    run_tasks: tuple[Cell, ...] = ()
    nodes: tuple[Row, ...] = ()
    actions: tuple[Action, ...] = ()

    @property
    def tone(self) -> Tone:
        return TONES[self.state]

    def to_json(self) -> Json:
        return {
            "schema": SCHEMA,
            "cluster": self.cluster,
            "dag_id": self.dag_id,
            "run_id": self.run_id,
            "next_run": self.next_run,
            "as_of": iso(self.as_of),
            "state": str(self.state),
            "tone": str(self.tone),
            "sentence": self.sentence,
            "started": iso(self.started),
            "ended": iso(self.ended),
            "seconds_left": self.seconds_left,
            "progress": self.progress.to_json(),
            **{name: _plain(getattr(self, name)) for name in _PARTS},
        }


_PARTS = ("path", "findings", "groups", "run_tasks", "nodes", "actions")


def _plain(parts: tuple[Any, ...]) -> list[Json]:
    return [part.to_json() for part in parts]


def iso(time: datetime | None) -> str | None:
    """As JSON has it, to the second."""
    return time.isoformat(timespec="seconds") if time else None
