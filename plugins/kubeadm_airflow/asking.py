"""Ask a person, by Airflow's own human-in-the-loop machinery, and lose no answer.

A task that asks is parked by Airflow: no worker, no trigger. An answer may come while its worker is not there yet, or
not any more, and a worker may die with an answer in its hands; Airflow may also take one for failed that is at work with
it. So what was asked is kept (in Airflow's store of a task's state, which outlives tries and clears), and an answer that
is there holds for every try, until somebody clears the task.

Airflow (3.3.2) keeps the first text that a task has ever asked with, also for its later tries: upsert_hitl_detail of
its execution API. To have somebody agree to what they are not shown is worse than not to ask: then the task fails, and
says that a new run asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import Context

from kubeadm_upgrade.approval.answer import APPROVE, REFUSE, Answer
from kubeadm_upgrade.approval.page import Question
from kubeadm_upgrade.approval.policy import ApprovalPolicy, Then
from kubeadm_upgrade.errors import AskedBefore

_KEY = "question"


@dataclass(frozen=True)
class Asked:
    """What a task has asked; since somebody has cleared it last: that raises how often it may be tried."""

    subject: str
    tries: int
    until: str | None = None  # the deadline
    no_answer: str | None = None  # when the last one was given that was none

    @property
    def left(self) -> timedelta | None:
        return datetime.fromisoformat(self.until) - datetime.now(UTC) if self.until else None


def asked(context: Context) -> Asked | None:
    """Whatever it is that this task has asked last, in whichever try."""
    plain = _store(context).get(_KEY)
    try:
        return Asked(**plain) if plain else None
    except TypeError:  # of another release
        return None


def unheard_answer(context: Context, question: Question) -> Answer | None:
    """An answer to this very question, whoever was there to hear it."""
    last = asked(context)
    if last is None or (last.subject, last.tries) != (question.subject, _tries(context)):
        return None
    told = _answer_of(context)
    if told is None or not told.response_received or told.responded_at is None:
        return None
    user = told.responded_by_user
    answer = Answer.read(
        {
            "chosen_options": told.chosen_options,
            "params_input": told.params_input,
            "responded_at": told.responded_at,
            "responded_by_user": {"id": user.id, "name": user.name} if user else None,
        }
    )
    return None if answer.at.isoformat() == last.no_answer else answer


def put(context: Context, question: Question, form: Mapping[str, Any]) -> Asked:
    """Hand the question to Airflow. Raises AskedBefore where it would show another one.

    A try after one that was killed goes on with its deadline; one that somebody has cleared begins anew.
    """
    last, now = asked(context), datetime.now(UTC)
    if last is None or (last.subject, last.tries) != (question.subject, _tries(context)):
        deadline = question.policy.deadline
        last = Asked(question.subject, _tries(context), (now + deadline).isoformat() if deadline else None)
    _store(context).set(_KEY, asdict(last))
    return _handed_over(context, question, form, last)


def put_again(context: Context, question: Question, form: Mapping[str, Any], answer: Answer) -> Asked:
    """After an answer that is none: the deadline stays."""
    last = asked(context) or Asked(question.subject, _tries(context))
    last = replace(last, no_answer=answer.at.isoformat())
    _store(context).set(_KEY, asdict(last))
    return _handed_over(context, question, form, last)


def _handed_over(context: Context, question: Question, form: Mapping[str, Any], last: Asked) -> Asked:
    shown, wanted = _ask(context, question, form), defaults(question.policy)
    users = {user.id for user in shown.assigned_users or ()}
    if (shown.subject, shown.defaults, users) != (question.subject, wanted, set(question.policy.approvers)):
        raise AskedBefore(
            f"{question.cluster}: somebody is to be asked about plan {question.name}, and Airflow goes on showing what "
            f"this task has asked before ({shown.subject})"
        )
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


def _ask(context: Context, question: Question, form: Mapping[str, Any]) -> Any:
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


def _answer_of(context: Context) -> Any:
    """None where Airflow has no question of this task."""
    from airflow.sdk.exceptions import AirflowRuntimeError
    from airflow.sdk.execution_time.hitl import get_hitl_detail_content_detail

    ti: Any = context["ti"]
    try:
        return get_hitl_detail_content_detail(ti.id)
    except AirflowRuntimeError:
        return None
