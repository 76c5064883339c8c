"""One node as one row of the board: how it stands, in a word and in a sentence."""

from __future__ import annotations

from datetime import datetime

from kubeadm_upgrade.board.cells import cells_of, trouble_of
from kubeadm_upgrade.board.columns import doing, title
from kubeadm_upgrade.board.course import AT_THE_GATES, AT_WORK, Course
from kubeadm_upgrade.board.record import RunRecord, TaskRecord, Waiting
from kubeadm_upgrade.board.view import Row
from kubeadm_upgrade.board.words import MOST_LETTERS, brief
from kubeadm_upgrade.drain.quarantine import told
from kubeadm_upgrade.ledger.marks import why_paused
from kubeadm_upgrade.waits import WORDS, Wait
from kubeadm_upgrade.windows.hold import BEFORE

# What reasons begin with, where the kind of wait has said it already.
_SAID_ALREADY = ("a slot: ", BEFORE, "the control plane to be healthy: ", "the control plane is not healthy: ")

# steps after which the new kubelet runs
_KUBELET_STEPS = ("node_ready", "static_pods_ready", "uncordon_node")


def row_of(record: RunRecord, course: Course, earlier: Row | None = None) -> Row:
    """The sentence has no subject: the node's name goes before it.

    The earlier row itself, where it was made of the same: nothing in a row ticks.
    """
    before = record.kubelets.get(course.name, "")
    reported = record.reported_kubelets.get(course.name, "")
    to = str((record.hop or {}).get("to", ""))
    is_later = course.name in record.later
    given_up = record.marks.given_up.get(course.name)
    made_of = (course, before, reported, to, given_up, record.is_over, record.dry_run, is_later)
    if earlier is not None and earlier.made_of and earlier.made_of[0] is course and earlier.made_of[1:] == made_of[1:]:
        return earlier
    state = state_of(record, course)
    text, since = _told(record, course, state)
    return Row(
        name=course.name,
        role=course.role,
        before=before,
        kubelet=(to if _has_moved(record, course) else reported) or before,
        state=state,
        sentence=text,
        since=since,
        cells=tuple(cells_of(record, course.tasks)),
        made_of=made_of,
    )


def state_of(record: RunRecord, course: Course) -> str:
    if course.is_done:
        return "done"
    if course.name in record.marks.given_up:
        return "given_up"
    if not course.tasks or course.is_gone:
        return "untouched"
    if course.current is None:
        return "marked" if course.marked else "untouched"
    if course.failed is not None:
        return "failed"
    if record.is_over:
        return "queued" if course.is_out else "untouched"
    return _state_at(course, course.current)


def waited_for(task: TaskRecord) -> Waiting | None:
    """What a task waits for just now: what it had waited for before it was cleared, or ended, is over."""
    return task.waiting if task.state == "deferred" else None


def detail(waits: Waiting, most: int = MOST_LETTERS) -> str:
    """Its reason, without what the kind of wait has said already; "" where that says it all."""
    if waits.kind == Wait.TURN:
        return ""
    if why := why_paused(waits.reason):
        return brief(why, most)
    reason = waits.reason
    for prefix in _SAID_ALREADY:
        reason = reason.removeprefix(prefix)
    head, colon, rest = reason.partition(": ")
    return brief(rest if colon and head.startswith("pods to go from ") else reason, most)


def _state_at(course: Course, task: TaskRecord) -> str:
    waits = waited_for(task)
    if course.waits_at_the_gates:
        return "queued" if waits is None or waits.kind in AT_THE_GATES else "waiting"
    if task.state == "deferred":
        return "moving" if waits and waits.kind == Wait.COMMAND else "waiting"
    if task.state in AT_WORK:
        return "moving"
    return "moving" if course.is_out and task.state != "upstream_failed" else "queued"


def _told(record: RunRecord, course: Course, state: str) -> tuple[str, datetime | None]:
    task = course.failed if state == "failed" else course.current
    if state == "given_up":
        return told("", record.marks.given_up[course.name]).strip(), None
    if course.is_gone:
        return "is no longer in the cluster", None
    if state == "marked" and course.marked:
        return f"was marked as done by hand at {title(course.marked.step)}: nobody has seen that it is", None
    if not course.tasks and course.name in record.later:
        return "is for a run after this one", None
    if state == "done" or task is None or state == "untouched":
        return "", None
    if state == "failed":
        return f"failed at {title(task.step)}: {brief(essential(task, course.name))}", task.ended
    return _under_way(task, state)


def _under_way(task: TaskRecord, state: str) -> tuple[str, datetime | None]:
    waits = waited_for(task)
    if waits and waits.kind != Wait.COMMAND:
        return ": ".join(
            filter(None, (f"waits {WORDS.get(waits.kind, '')}".rstrip(), detail(waits)))
        ), waits.in_these_words_since
    if task.state == "up_for_retry":
        return f"is about to try again: {title(task.step)}", task.ended
    if task.state == "deferred" and waits is None:
        return f"waits: {title(task.step)}", task.started
    return (doing(task.step), task.started) if state == "moving" else ("", None)


def essential(task: TaskRecord, name: str) -> str:
    """Why a task has failed, without the names that every message begins with: of the node or cluster, and the step."""
    why = trouble_of(task).why
    for prefix in (f"{name}: ", f"{task.step}: "):
        why = why.removeprefix(prefix)
    return why


def _has_moved(record: RunRecord, course: Course) -> bool:
    """Whether a step has seen the new kubelet at work. A report may be older than that."""
    return not record.dry_run and any(
        task.state == "success" and task.step in _KUBELET_STEPS and not task.is_marked for task in course.tasks
    )
