"""Ask a person, by Airflow's own human-in-the-loop machinery, and lose no answer.

A task that asks is parked by Airflow: no worker, no trigger. An answer may come while its worker is not there yet, or
not any more; a worker may die with an answer in its hands; and Airflow may take a task for failed that has just been
told of one. To ask anew would delete that answer. So it is kept what was asked (in Airflow's store of a task's state,
which outlives tries and clears), and a later try only waits: where an answer is there, Airflow goes on with it at once.
Until somebody clears the task, who means to ask anew.

Airflow (3.3.2) keeps the first text that a task has ever asked with, also for its later tries: upsert_hitl_detail of
its execution API. To have somebody agree to what they are not shown is worse than not to ask: then the task fails, and
says that a new run asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from airflow.sdk import Context

from kubeadm_upgrade.approval.answer import APPROVE, REFUSE
from kubeadm_upgrade.approval.policy import ApprovalPolicy, Then
from kubeadm_upgrade.errors import AskedBefore

_KEY = "question"


class Asks(Protocol):
    """A question: what is shown, and to whom. Its subject names both."""

    @property
    def cluster(self) -> str: ...

    @property
    def subject(self) -> str: ...

    @property
    def body(self) -> str: ...

    @property
    def policy(self) -> ApprovalPolicy: ...


@dataclass(frozen=True)
class Asked:
    """What a task has asked; since somebody has cleared it last: that raises how often it may be tried."""

    subject: str
    tries: int
    until: str | None = None  # the deadline
    handed_over: bool = False  # Airflow has it

    @property
    def left(self) -> timedelta | None:
        """Also of one that is over: then Airflow answers, as the file says."""
        if self.until is None:
            return None
        return max(timedelta(seconds=1), datetime.fromisoformat(self.until) - datetime.now(UTC))

    @property
    def is_over(self) -> bool:
        return self.until is not None and datetime.fromisoformat(self.until) <= datetime.now(UTC)


def asked(context: Context) -> Asked | None:
    """Whatever it is that this task has asked last, in whichever try."""
    plain = _store(context).get(_KEY)
    try:
        return Asked(**plain) if plain else None
    except TypeError:  # of another release
        return None


def put(context: Context, question: Asks, form: Mapping[str, Any]) -> Asked:
    """Hand the question to Airflow, if it has not got it. Raises AskedBefore where it would show another one.

    A try after one that was killed goes on with its deadline; one that somebody has cleared begins anew.
    """
    last, now = asked(context), datetime.now(UTC)
    if last is None or (last.subject, last.tries) != (question.subject, _tries(context)):
        deadline = question.policy.deadline
        last = Asked(question.subject, _tries(context), (now + deadline).isoformat() if deadline else None)
    return last if last.handed_over else _hand_over(context, question, form, last)


def put_again(context: Context, question: Asks, form: Mapping[str, Any]) -> Asked:
    """After an answer that is none, which Airflow forgets with this: the deadline stays."""
    return _hand_over(context, question, form, asked(context) or Asked(question.subject, _tries(context)))


def _hand_over(context: Context, question: Asks, form: Mapping[str, Any], last: Asked) -> Asked:
    shown, wanted = _ask(context, question, form), defaults(question.policy)
    users = {user.id for user in shown.assigned_users or ()}
    if (shown.subject, shown.defaults, users) != (question.subject, wanted, set(question.policy.approvers)):
        raise AskedBefore(
            f"{question.cluster}: somebody is to be asked {question.subject!r}, and Airflow goes on showing what this "
            f"task has asked before ({shown.subject})"
        )
    last = replace(last, handed_over=True)
    _store(context).set(_KEY, asdict(last))
    return last


def defaults(policy: ApprovalPolicy) -> list[str] | None:
    """What Airflow answers at the deadline."""
    if policy.deadline is None:
        return None
    return [APPROVE if policy.then is Then.APPROVE else REFUSE]


def _tries(context: Context) -> int:
    ti: Any = context["ti"]
    return int(ti.max_tries)


def _store(context: Context) -> Any:
    return context["task_state_store"]


def _ask(context: Context, question: Asks, form: Mapping[str, Any]) -> Any:
    """As Airflow's own operator does, and with a look at what Airflow has made of it."""
    from airflow.sdk.api.datamodels._generated import HITLUser
    from airflow.sdk.execution_time.comms import CreateHITLDetailPayload
    from airflow.sdk.execution_time.task_runner import SUPERVISOR_COMMS

    ti: Any = context["ti"]
    return SUPERVISOR_COMMS.send(
        CreateHITLDetailPayload(
            ti_id=ti.id,
            options=[APPROVE, REFUSE],
            subject=question.subject,
            body=question.body,
            defaults=defaults(question.policy),
            params=dict(form),
            # by id alone: who of them it was, Airflow says with the answer
            assigned_users=[HITLUser(id=name, name=name) for name in question.policy.approvers],
        )
    )
