"""How an error of ours leaves its task: in two lines at the end of the log, without a stack.

Airflow 3.3 logs whatever leaves a task with all its frames, its own included. Of SystemExit alone it logs one line, and
otherwise takes it as any failure: the retry policy, the callbacks and the listeners see it. So that is what our errors
travel in. Any other exception is a mistake of ours, and keeps its frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from airflow.sdk import Context

from kubeadm_upgrade import errors
from kubeadm_upgrade.errors import NeedsPerson, NotToAct, OwnMistake, UpgradeError, remedy

_STATUS = 1
_UNKNOWN = errors.NeedsPerson("Airflow has ended this task without a word of why", do="see the log of its scheduler")


class TaskEnded(SystemExit):
    """One of our errors, on its way from a task to Airflow."""

    def __init__(self, error: UpgradeError) -> None:
        super().__init__(_STATUS)
        self.error = error

    def __str__(self) -> str:
        return str(self.error)


class EndedForAPerson(TaskEnded):
    """Its error is one that only a person can cure: for the retry policy, which tells exceptions by type."""


class EndsInTwoLines:
    """Goes before an operator's base class: what leaves the operator is an error of ours as TaskEnded, or a mistake."""

    def execute(self, context: Context) -> Any:
        with leaving():
            return super().execute(context)  # type: ignore[misc]

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        with leaving():
            return super().resume_execution(next_method, next_kwargs, context)  # type: ignore[misc]


@contextmanager
def leaving() -> Iterator[None]:
    try:
        yield
    except UpgradeError as error:
        raise (EndedForAPerson if isinstance(error, NeedsPerson) else TaskEnded)(error) from None


@dataclass(frozen=True)
class Ending:
    """What is told of a task's failure: the fact, what to do, and what else was said about the fact."""

    what: str
    do: str
    said: tuple[str, ...] = ()
    is_mistake: bool = False  # of ours: whoever mends it needs the stack
    is_ruled_out: bool = False  # the run may not act any more, as somebody has decided: no news of this task
    done: tuple[Mapping[str, Any], ...] = ()  # outcomes of the steps that the task had done before

    @classmethod
    def of(cls, exception: BaseException | str | None, tries_left: int = 0) -> Ending:
        """Only our own sentences are known to hold no secret."""
        match exception:
            case TaskEnded(error=error):
                pass
            case UpgradeError() as error:
                pass
            case BaseException():
                error = OwnMistake(f"{type(exception).__name__}, see its log")
            case _:
                error = _UNKNOWN
        what, *said = error.what.splitlines() or [""]
        return cls(
            what,
            remedy(error, tries_left=tries_left),
            tuple(said),
            isinstance(error, OwnMistake),
            isinstance(error, NotToAct),
            tuple(error.done),
        )

    @property
    def lines(self) -> tuple[str, str]:
        """The last two of a log."""
        return self.what, f"What to do: {self.do}"


def to_event(error: UpgradeError) -> dict[str, Any]:
    """An error as what a trigger can hand to its task: by the nearest of its kinds that every release knows."""
    known = next(kind.__name__ for kind in type(error).__mro__ if kind.__module__ == errors.__name__)
    return (
        {"error": known, "message": error.what}
        | ({"do": error.do} if error.do else {})
        | ({"done": list(error.done)} if error.done else {})
    )


def from_event(event: Mapping[str, Any]) -> UpgradeError:
    """The error that a trigger met. A trigger that an earlier release has started says no remedy."""
    kind = getattr(errors, event["error"], UpgradeError)
    error: UpgradeError = kind(event["message"], do=event.get("do"))
    error.done = event.get("done") or ()
    return error
