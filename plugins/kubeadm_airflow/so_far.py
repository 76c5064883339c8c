"""How far a task has come with its steps on one node."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from kubeadm_upgrade.assignment import Assignment
from kubeadm_upgrade.procedure import GROUPS, TASKS
from kubeadm_upgrade.steps import Outcome
from kubeadm_upgrade.tasks import Task, with_earlier
from kubeadm_upgrade.waits import Waits

Json = Mapping[str, Any]


class SoFar:
    """The step that it is at, since when, and what became of those before it.

    `earlier`: outcomes of a try before this one, whose changes this one finds made.
    """

    def __init__(
        self, work: Assignment, began: datetime, done: Sequence[Json] = (), earlier: Sequence[Json] = ()
    ) -> None:
        self.work = work
        self.began = began
        self.done = list(done)
        self.earlier = list(earlier)

    @classmethod
    def beginning(cls, work: Assignment, earlier: Sequence[Json] = ()) -> SoFar:
        return cls(work, datetime.now(UTC), (), earlier)

    @property
    def outcomes(self) -> list[Json]:
        return with_earlier(self.done, self.earlier)

    @property
    def result(self) -> Any:
        """What the task returns: of one step its outcome, of several a list of them."""
        return self.outcomes[0] if len(task_of(self.work).steps) == 1 else self.outcomes

    def add(self, outcome: Outcome, say: Callable[..., None], waits: Waits | None = None) -> bool:
        """The step that it is at has ended; its log is told. Returns whether another one comes after it."""
        say("%s: %s", self.work, outcome.status)
        for line in (*outcome.actions, *outcome.details):
            say("%s:   %s", self.work.node, line)
        self.done.append(told(outcome, self.work, self.began, waits))
        following = task_of(self.work).after(self.work.step, outcome.status)
        if following is not None:
            self.work, self.began = replace(self.work, step=following.name), datetime.now(UTC)
        return following is not None

    @property
    def word(self) -> dict[str, Any]:
        """For whoever looks on, and for a trigger that follows one which has died."""
        return {"step": self.work.step, "began": self.began.isoformat(), "done": self.done}

    def catch_up(self, word: Json) -> None:
        """With one that has come further in the same try."""
        step, done = word.get("step"), word.get("done")
        there = any(step == one.name for one in task_of(self.work).steps)
        if there and isinstance(done, list) and len(done) > len(self.done):
            self.work, self.done = replace(self.work, step=str(step)), done
            self.began = datetime.fromisoformat(word["began"])

    def to_json(self) -> dict[str, Any]:
        beside = {"done": self.done, "earlier": self.earlier}
        plain = {"work": self.work.to_json(), "began": self.began.isoformat()}
        return plain | {name: value for name, value in beside.items() if value}


def task_of(work: Assignment) -> Task:
    """The task whose step this is."""
    return next(task for task in TASKS[work.group] if any(step.name == work.step for step in task.steps))


def told(outcome: Outcome, work: Assignment, began: datetime, waits: Waits | None = None) -> dict[str, Any]:
    """An outcome, and what it does not know of itself: when it was at work, and what it waited for."""
    now = datetime.now(UTC)
    return outcome.to_json() | {
        "group": work.group,
        "task": task_of(work).name,
        "seconds": round((now - began).total_seconds(), 1),
        "began": began.isoformat(timespec="milliseconds"),
        "ended": now.isoformat(timespec="milliseconds"),
        "waited": waits.until(now) if waits else [],
    }


def is_first_act(work: Assignment) -> bool:
    """Whether this comes right after the first admission of its run."""
    group = work.hop.first_group
    first = next(iter(work.hop.nodes_of(group)), None)
    return (work.group, work.step, work.node) == (group, GROUPS[group][1].name, first)
