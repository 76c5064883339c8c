"""A fleet as a value, and as the JSON that its page and the command show: docs/fleet.schema.json describes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any

from kubeadm_upgrade.board.view import SCHEMA, Progress, Tone, iso

Json = dict[str, Any]


class State(StrEnum):
    """How a cluster stands, in a word; the first ones first need somebody."""

    BROKEN_FILE = "broken_file"
    NEEDS_PERSON = "needs_person"
    FAILED = "failed"
    AILING = "ailing"  # at rest, and nodes are not Ready
    END_OF_LIFE = "end_of_life"
    MOVING = "moving"
    WAITING = "waiting"
    PAUSED = "paused"
    TO_BE_CONTINUED = "to_be_continued"  # the last run has ended with its window, and something is left
    BEHIND = "behind"
    CURRENT = "current"
    UNKNOWN = "unknown"


TONES: Mapping[State, Tone] = {
    State.BROKEN_FILE: Tone.BAD,
    State.NEEDS_PERSON: Tone.PERSON,
    State.FAILED: Tone.BAD,
    State.AILING: Tone.PERSON,
    State.END_OF_LIFE: Tone.BAD,
    State.MOVING: Tone.BUSY,
    State.WAITING: Tone.WAITS,
    State.PAUSED: Tone.WAITS,
    State.TO_BE_CONTINUED: Tone.WAITS,
    State.BEHIND: Tone.WAITS,
    State.CURRENT: Tone.GOOD,
    State.UNKNOWN: Tone.WAITS,
}
NEED_PERSON = frozenset({State.BROKEN_FILE, State.NEEDS_PERSON, State.FAILED, State.AILING})


@dataclass(frozen=True)
class LastRun:
    """The newest run of a cluster."""

    run_id: str
    state: str
    started: datetime | None = None
    ended: datetime | None = None

    def to_json(self) -> Json:
        return {
            "run_id": self.run_id,
            "state": self.state,
            "started": iso(self.started),
            "ended": iso(self.ended),
        }


@dataclass(frozen=True)
class ClusterRow:
    """A cluster of the inventory."""

    name: str
    dag_id: str
    state: State
    sentence: str
    labels: Mapping[str, str] = field(default_factory=dict)
    version: str | None = None
    worst_kubelet: str | None = None
    end_of_life: date | None = None
    days_left: int | None = None
    target: str | None = None
    hops_left: int | None = None
    progress: Progress | None = None
    next_window: datetime | None = None  # when it opens: the next after the one that may be open now
    window_until: datetime | None = None  # when the one closes that is open now
    last_run: LastRun | None = None
    report: str | None = None
    board: str | None = None
    looked_at: datetime | None = None

    @property
    def tone(self) -> Tone:
        return TONES[self.state]

    @property
    def needs_person(self) -> bool:
        return self.state in NEED_PERSON

    def to_json(self) -> Json:
        return {
            "name": self.name,
            "dag_id": self.dag_id,
            "labels": dict(self.labels),
            "state": str(self.state),
            "tone": str(self.tone),
            "sentence": self.sentence,
            "needs_person": self.needs_person,
            "version": self.version,
            "worst_kubelet": self.worst_kubelet,
            "end_of_life": self.end_of_life.isoformat() if self.end_of_life else None,
            "days_left": self.days_left,
            "target": self.target,
            "hops_left": self.hops_left,
            "progress": self.progress.to_json() if self.progress else None,
            "next_window": iso(self.next_window),
            "window_until": iso(self.window_until),
            "last_run": self.last_run.to_json() if self.last_run else None,
            "report": self.report,
            "board": self.board,
            "looked_at": iso(self.looked_at),
        }


@dataclass(frozen=True)
class Fleet:
    """Every cluster that whoever asks may see."""

    as_of: datetime
    clusters: tuple[ClusterRow, ...]

    def to_json(self) -> Json:
        return {
            "schema": SCHEMA,
            "as_of": iso(self.as_of),
            "clusters": [cluster.to_json() for cluster in self.clusters],
        }
