"""What each action of the procedure makes of the ledger."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from kubeadm_upgrade.actions import (
    GiveSlotBack,
    LedgerAction,
    NoteBegun,
    NoteEnded,
    NoteFailed,
    NotePin,
    NoteSoak,
    Quarantine,
    TakeSlot,
)
from kubeadm_upgrade.assignment import RunId
from kubeadm_upgrade.ledger.ledger import Ledger


def changed(ledger: Ledger, action: LedgerAction, run: RunId, now: datetime) -> Ledger:
    """The ledger after an action of this run; as it was where another has the cluster by now.

    It is written only over what was looked at, so here, and nowhere else, there is no moment between asking and acting.
    """
    if not ledger.is_held_by(run):
        return ledger
    match action:
        case TakeSlot(lane=lane, node=node):
            return ledger.taken(node, lane, run, now)
        case GiveSlotBack(node=node):
            return ledger.given_back(node)
        case _:
            return _noted(ledger, action, now)


def _noted(ledger: Ledger, action: LedgerAction, now: datetime) -> Ledger:
    """What is known of a kubeadm upgrade."""
    match action:
        case NoteBegun(node=node, unit=unit):
            return ledger.begun(node, unit)
        case NoteEnded(node=node):
            return ledger.ended(node)
        case NoteFailed(node=node, unit=unit, why=why):
            return ledger.failed(node, unit, why, now)
        case _:
            return _of_the_run(ledger, action, now)


def _of_the_run(ledger: Ledger, action: LedgerAction, now: datetime) -> Ledger:
    """What is no word on a slot."""
    match action:
        case Quarantine(node=node, why=why):
            return replace(ledger, given_up={node: why, **ledger.given_up})
        case NotePin(tag=tag):
            return replace(ledger, etcd_pin=tag)
        case NoteSoak(group=group, to=to, done=done):
            return ledger.soaking(group, to, now if done else None)
        case _:
            return ledger.resumed()
