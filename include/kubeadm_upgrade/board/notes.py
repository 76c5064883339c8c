"""What whoever looks after a run should know beside how it stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kubeadm_upgrade.board.record import RunRecord
from kubeadm_upgrade.board.view import Note
from kubeadm_upgrade.drain.quarantine import told
from kubeadm_upgrade.ledger.permit import deletions_in


def notes_of(record: RunRecord) -> tuple[Note, ...]:
    """The worst first."""
    order = ("bad", "block", "warn", "mind")
    return tuple(sorted(_notes(record), key=lambda note: order.index(note.level)))


def _notes(record: RunRecord) -> Iterator[Note]:
    yield from map(_finding, record.findings)
    if record.approval:
        yield Note("mind", _approved(record.approval))
    if hops := (record.path or {}).get("hops"):
        yield from (Note("mind", str(text)) for text in hops[0].get("findings") or ())
    report = record.report or {}
    if record.is_over:
        broken = () if _was_refused(record) else report.get("broken_promises") or ()
        yield from (Note("bad", str(text)) for text in broken)
        yield from (Note("warn", f"{name} joined while the run was under way") for name in report.get("joined") or ())
    for node, why in record.marks.given_up.items():
        yield Note("warn", f"{told(node, why)}. A later run takes it")
    for line in deletions_in(outcome for task in record.tasks for outcome in task.told):
        yield Note("mind", line)
    for name, why in ((record.hop or {}).get("ignore_preflight_errors") or {}).items():
        yield Note("mind", f"kubeadm is told to pass over {name}: {why}")


def _was_refused(record: RunRecord) -> bool:
    """It has ended red before a node was begun with: all that it had promised is missing, as it says already."""
    begun = any(task.group not in ("", "stage") and (task.told or task.failure) for task in record.tasks)
    return record.state == "failed" and not begun


def _approved(told: Mapping[str, Any]) -> str:
    why = f": {told['why']}" if told.get("why") else ""
    waived = f"; waived: {', '.join(map(str, told['waived']))}" if told.get("waived") else ""
    return f"approved by {told.get('by')} at {told.get('at')}{why}{waived}"


def _finding(text: str) -> Note:
    """As preflight says it: its severity goes before it."""
    level, colon, rest = text.partition(": ")
    return Note(level, rest) if colon and level in ("block", "warn") else Note("warn", text)
