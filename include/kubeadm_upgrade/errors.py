"""Two families of error: those that time can cure, and those that only a person can."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar


class UpgradeError(Exception):
    """Anything that keeps an upgrade from going on: what is wrong and where, and what to do about it.

    `do` is an order such as "make it in Airflow"; None where the fact says it all, or says it itself. What becomes of
    the task after that is its family's to say: `remedy` does. Of a fact with several lines the first is the fact, and
    the others are what somebody has said about it.
    """

    mend: ClassVar[str] = "mend this"  # the order, where none is given
    then: ClassVar[str] = "then clear this task: the run goes on from here"
    progress: Any = None  # what was done before one that is waited for, as steps.Progress
    done: Sequence[Mapping[str, Any]] = ()  # outcomes of the steps that the task had done before

    def __init__(self, what: str, *, do: str | None = None) -> None:
        super().__init__(what if do is None else f"{what}\n{do}" if "\n" in what else f"{what}: {do}")
        self.what = what
        self.do = do


class OwnMistake(UpgradeError):
    """Something that is no error of ours, seen where only its name can be handed on: a bug."""

    mend = "report this with its log, for it is a mistake in the upgrade's own code"
    then = "then clear this task to try it again"


class TimeCures(UpgradeError):
    """Worth trying again without anybody doing anything."""

    mend = "see whether it is well again"


class NeedsPerson(UpgradeError):
    """Trying again changes nothing until somebody acts; the task fails at once."""


class Unreachable(TimeCures):
    """The API or a host did not answer."""


class Unauthorized(TimeCures):
    """The API does not know us: a token has expired. Once somebody has renewed it, whoever tries again reads it."""


class Conflict(TimeCures):
    """Somebody else changed an object between our look and our act; look again."""


class CommandFailed(TimeCures):
    """A command on a host ended with a non-zero exit status."""

    exit_status: int | None = None


class UnitFailed(NeedsPerson):
    """A kubeadm upgrade ended with a failure: it is never run again before a person has seen why."""


class ClusterHeld(NeedsPerson):
    """Another run holds the cluster, and this one was told not to wait for it."""

    mend = "wait until that run has ended, or take over from it (docs/ledger.md)"


class NotSettled(TimeCures):
    """Something is not healthy yet that usually comes back by itself."""


class NodeGone(Exception):
    """The Node is no longer in the cluster. Not an error: there is nothing left to do with it."""


class StepNotDone(TimeCures):
    """The actions of a step were carried out and its promise still does not hold."""


class StepRefused(NeedsPerson):
    """Acting now would be wrong; nothing was changed."""


class NotToAct(StepRefused):
    """A standing rule says that this run may not act any more: clearing its task would change nothing."""

    mend = "see who has the cluster, and why (docs/ledger.md)"
    then = "then start a new run for what is left"


class OrderRefused(NeedsPerson):
    """What somebody asks of an upgrade would not do what they mean by it; nothing was changed."""

    mend = "see how the cluster stands"
    then = "then ask for what is still wanted"


class StepTimedOut(NeedsPerson):
    """A step's patience ended; the node stays as it is, cordoned if it was."""


class Forbidden(NeedsPerson):
    """The API or a host knows us and says no."""


class Misdirected(NeedsPerson):
    """What answers in an API's place is not the API. A first look fails at once; whoever is in the middle waits.

    A load balancer may show a page of its own while the API server behind it is upgraded.
    """


class ObjectNotFound(NeedsPerson):
    """The API knows no such object."""


class HostKeyUnknown(NeedsPerson):
    """A host's key is not known, or not the one that is known."""


class BadParameters(NeedsPerson):
    """The run was started with parameters that cannot be honoured, and a run keeps those it was started with."""

    mend = "mend the parameter"
    then = "then start a new run: this one has changed nothing"


class UpgradeRefused(NeedsPerson):
    """The version skew policy, kubeadm or the facts forbid this upgrade; the message gives all reasons at once."""

    then = (
        "then clear the task look, with what comes after it; to change a target_version that was given, start a new run"
    )

    def __init__(self, *reasons: str, do: str | None = None) -> None:
        super().__init__("; ".join(reasons), do=do)
        self.what = several(reasons)
        self.reasons = reasons


class PreflightFailed(NeedsPerson):
    """A blocking check found something; the message gives all findings at once."""


class NotApproved(NeedsPerson):
    """Whoever was asked has said no, or nobody has answered in time; no node was touched."""

    mend = "see with whoever was asked what is to change"
    then = "then start a new run, or clear this task to ask again"


class AskedBefore(NeedsPerson):
    """Airflow would show whoever is asked what this task has asked before, and not what is asked now."""

    mend = "start a new run, which asks with the plan of now"
    then = ""


class PlanChanged(NeedsPerson):
    """While a run waited, the cluster has become another than the one that it has planned for."""

    mend = "see what has changed"
    then = "then start a new run, which plans anew"


class NotAsPromised(NeedsPerson):
    """The run went through and the cluster is not what it promised."""


class NotFinished(NotAsPromised):
    """A run has ended before it was done: what its report says, and not this error, is what a person acts on."""

    mend = "mend what the report says"
    then = "then clear the tasks that failed: the run goes on from there, and reports again"


class FailedBefore(NotFinished):
    """What failed has said what to do, and a second last word on it could only differ."""

    mend = "do what the report says of each task that failed"
    then = ""


class UnreadableOutput(NeedsPerson):
    """A tool printed something that we do not understand; guessing would be unsafe."""


def several(sentences: Sequence[str]) -> str:
    """Some facts as one: the first, how many more there are, and each of those on a line of its own."""
    first, *others = sentences
    if not others:
        return first
    head, *rest = first.splitlines()
    return "\n".join((f"{head} (and {len(others)} more)", *rest, *others))


def remedy(error: UpgradeError, *, tries_left: int = 0) -> str:
    """What to do about an error that ended a task's try, and what becomes of the task then."""
    if tries_left and not isinstance(error, NeedsPerson):
        more = "once more" if tries_left == 1 else f"{tries_left} more times"
        return f"{error.do or 'nothing yet'}: it is tried again by itself, {more}"
    return ", ".join(part for part in (error.do or error.mend, error.then) if part)
