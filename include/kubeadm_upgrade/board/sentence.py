"""How a run stands, in a sentence for whoever is woken at three in the morning.

Who is done, who waits for what since when, what is wrong and what to do about it, and how long it will take.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from kubeadm_upgrade import to_be_continued
from kubeadm_upgrade.board import trouble
from kubeadm_upgrade.board.counts import everybody, how_far, target
from kubeadm_upgrade.board.record import TaskRecord
from kubeadm_upgrade.board.rows import detail
from kubeadm_upgrade.board.sight import Sight
from kubeadm_upgrade.board.state import PROVEN, gates_that_stay_closed, moment_awaited, pause_of
from kubeadm_upgrade.board.under_way import at_work, finished_first, go_on
from kubeadm_upgrade.board.view import State
from kubeadm_upgrade.board.words import at, brief, capital, full_stop, lasting, roughly
from kubeadm_upgrade.waits import WORDS, Wait
from kubeadm_upgrade.windows.calendar import NEVER_ENDS
from kubeadm_upgrade.windows.words import moment_told

_UNTOUCHED = "nothing is touched yet"

_LOOKS: Mapping[str, str] = {
    "due": "Looking whether there is anything to do",
    "look": "Looking at the cluster",
    "plan": "Planning",
    "preflight": "Checking what must be so before a node is touched",
}


def sentence_of(sight: Sight, state: State, seconds_left: float | None = None) -> str:
    return full_stop(_SAY[state](sight, seconds_left))


def _claiming(sight: Sight, _: float | None) -> str:
    claim = sight.task("claim")
    if claim and claim.state == "deferred" and claim.waiting:
        return f"Waiting for the cluster since {at(claim.waiting.since, sight.now)}: {brief(claim.waiting.reason)}"
    return f"{'Starting' if sight.record.started else 'Queued'}: {_UNTOUCHED}"


def _planning(sight: Sight, _: float | None) -> str:
    now = next((task for name in _LOOKS if (task := sight.task(name)) and task.state != "success"), None)
    if now is None:
        return f"Planned: {_UNTOUCHED}"
    again = " once more" if now.state == "up_for_retry" or now.try_number > 1 else ""
    return f"{_LOOKS[now.task_id]}{again}: {_UNTOUCHED}"


def _moving(sight: Sight, seconds_left: float | None) -> str:
    far = f"Rehearsing, nothing is changed: {how_far(sight)}" if sight.record.dry_run else capital(how_far(sight))
    return _joined(far, at_work(sight)) + _left(seconds_left, "left") + _closes(sight)


def _waiting(sight: Sight, seconds_left: float | None) -> str:
    waits = at_work(sight) or _closed(sight) or _until_a_moment(sight)
    return _joined(capital(how_far(sight)), waits) + _left(seconds_left, "left once that is over")


def _paused(sight: Sight, _: float | None) -> str:
    why, since = pause_of(sight) or ("", None)
    when = f" since {at(since, sight.now)}" if since else ""
    nothing = "nothing new begins until somebody resumes it"
    return f"Paused{when} ({brief(why)}): {nothing}; {_joined(how_far(sight), finished_first(sight))}"


def _needs_person(sight: Sight, _: float | None) -> str:
    if not sight.failures and (task := sight.asking) is not None:
        return _asking(sight, task)
    if not sight.failures:
        return f"{_closed(sight, capital)}; {how_far(sight)}"
    return " ".join(full_stop(one) for one in (trouble.fact(sight), trouble.remedy(sight), _rest(sight)) if one)


def _asking(sight: Sight, task: TaskRecord) -> str:
    """By whom, since when, and how long they have."""
    if (aborted := sight.record.marks.aborted) is not None:
        return f"Aborted ({brief(aborted)}), and waiting for an answer: it ends once somebody refuses it (Refuse)"
    touched = _UNTOUCHED if task.task_id == "approve" else "packages are there, and no node was taken out of service"
    if task.waiting is None:
        return f"Waiting for approval: {touched}"
    return f"Waiting for approval since {at(task.waiting.since, sight.now)} by {brief(task.waiting.reason)}: {touched}"


def _failed(sight: Sight, _: float | None) -> str:
    why = trouble.fact(sight) if sight.failures else _unproven(sight)
    remedy = trouble.remedy(sight) if sight.failures else ""
    parts = (f"Failed{_took(sight, 'after')}: {why}", remedy, capital(how_far(sight)))
    return " ".join(full_stop(one) for one in parts if one)


def _aborted(sight: Sight, _: float | None) -> str:
    head = f"Aborted ({brief(sight.record.marks.aborted or '')})"
    if sight.record.is_over:
        return f"{head}: {how_far(sight)}; start a new run for what is left"
    return f"{head}: nothing new begins, and the run ends; {_joined(how_far(sight), finished_first(sight))}"


def _done(sight: Sight, _: float | None) -> str:
    onward = f"; run {sight.record.next_run} goes on" if sight.record.next_run else ""
    return f"Done and verified{_took(sight, 'in')}: {everybody(sight)} at {target(sight)}{onward}"


def _rehearsed(sight: Sight, _: float | None) -> str:
    return (
        f"Rehearsed, and nothing was changed: a run brings {everybody(sight)} to {target(sight)}, "
        "with the commands that the report lists"
    )


def _nothing_to_do(sight: Sight, _: float | None) -> str:
    return sight.record.nothing_to_do or "Nothing to do"


def _to_be_continued(sight: Sight, _: float | None) -> str:
    left = (sight.record.report or {}).get("left") or {}
    return f"{left.get('why') or to_be_continued.RESULT}; {how_far(sight)}"


def _without_proof(sight: Sight, _: float | None) -> str:
    return (
        f"Ended{_took(sight, 'after')}, and nothing proves it any more: Airflow calls this run a success, and its "
        "report is not there. Reports are removed in time; where this one never was, clear its task report"
    )


_SAY: Mapping[State, Callable[[Sight, float | None], str]] = {
    State.CLAIMING: _claiming,
    State.PLANNING: _planning,
    State.MOVING: _moving,
    State.WAITING: _waiting,
    State.PAUSED: _paused,
    State.NEEDS_PERSON: _needs_person,
    State.ABORTED: _aborted,
    State.TO_BE_CONTINUED: _to_be_continued,
    State.DONE: _done,
    State.FAILED: _failed,
    State.REHEARSED: _rehearsed,
    State.NOTHING_TO_DO: _nothing_to_do,
    State.UNPROVEN: _without_proof,
}


def _rest(sight: Sight) -> str:
    """What becomes of the others meanwhile; nothing, where nothing was touched."""
    return capital(_joined(how_far(sight), go_on(sight))) if sight.phase else ""


def _closed(sight: Sight, begin: Callable[[str], str] = str) -> str:
    """What keeps everybody where they are, and nobody of this run can change."""
    for waits in sight.waits_of(Wait.CREDENTIALS):
        since = at(waits.since, sight.now)
        return begin(f"credentials are not accepted since {since} ({brief(waits.reason)}): renew them, and it goes on")
    for waits in sight.waits_of(Wait.FILE):
        since = at(waits.since, sight.now)
        return begin(f"the cluster's file is broken since {since} ({brief(waits.reason)}): mend it, and it goes on")
    for waits in sight.waits_of(Wait.APPROVAL):
        return begin(f"no further node is begun since {at(waits.since, sight.now)}, it waits for {detail(waits)}")
    for waits in gates_that_stay_closed(sight):
        since, now = at(waits.since, sight.now), ", now" if waits.reason_since else ""
        return begin(f"no further node may go out of service since {since}{now}: {detail(waits)}")
    return ""


def _until_a_moment(sight: Sight) -> str:
    waits = moment_awaited(sight)
    return f"it waits {WORDS[waits.kind]}: {detail(waits)}" if waits else ""


def _closes(sight: Sight) -> str:
    """When the window that is open now closes; nothing where there are none, or the run does not mind them."""
    if sight.calendar.is_always or (sight.record.hop or {}).get("ignore_window"):
        return ""
    opening = sight.calendar.opening_at(sight.now)
    if opening is None or opening.end == NEVER_ENDS:
        return ""
    closes = moment_told(opening.end, sight.calendar.zone, sight.now)
    return f"; its window closes on {closes} ({sight.calendar.timezone})"


def _unproven(sight: Sight) -> str:
    """Why a run that shows no failed task is none that has succeeded."""
    broken = (sight.record.report or {}).get("broken_promises")
    if broken:
        return brief(str(broken[0])).rstrip(".")
    result = (sight.record.report or {}).get("result")
    if sight.record.state == "success" and result is not None and result not in PROVEN:
        return f"Airflow calls this run a success, and its report says: {brief(str(result)).lower()}"
    if sight.record.state == "success":
        return "Airflow calls this run a success and no report has proven it: clear its task report"
    return "somebody has marked it so: clear what is left, if it is to go on"


def _took(sight: Sight, word: str) -> str:
    started, ended = sight.record.started, sight.record.ended
    return f" {word} {lasting((ended - started).total_seconds())}" if started and ended else ""


def _left(seconds: float | None, words: str) -> str:
    return f"; {roughly(seconds)} {words}" if seconds is not None else ""


def _joined(*parts: str) -> str:
    return ", ".join(part for part in parts if part)
