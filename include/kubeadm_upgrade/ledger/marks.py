"""What a person writes into the ledger to hold an upgrade up, as a sentence that says how it is taken back."""

from __future__ import annotations

import re

from kubeadm_upgrade.assignment import RunId
from kubeadm_upgrade.ledger.ledger import Ledger
from kubeadm_upgrade.ledger.steering import Action, steering_dag
from kubeadm_upgrade.ledger.wire import GIVEN_UP, OBJECT, PAUSED


def paused(ledger: Ledger, cluster: str) -> str | None:
    """That the cluster's upgrade is paused; None when it is not."""
    if ledger.paused is None:
        return None
    return f"the upgrade is paused ({ledger.paused}): {_taken_back(cluster, Action.RESUME, PAUSED)}"


def why_paused(sentence: str) -> str | None:
    """The reason in what `paused` has said, whatever stands around it; None where it has said nothing."""
    told = re.search(r"the upgrade is paused \((.*)\): start ", sentence, re.DOTALL)
    return told[1] if told else None


def given_up(ledger: Ledger, cluster: str, node: str) -> str | None:
    """That this node was given up; None when it was not."""
    reason = ledger.given_up.get(node)
    if reason is None:
        return None
    way = _taken_back(cluster, Action.TAKE_BACK, f"{GIVEN_UP}{node}")
    return f"it was given up ({reason}): a later run takes it; for this one, {way}"


def aborted(ledger: Ledger, node: str, run: RunId) -> str | None:
    """That this run is to end before it begins with the node; None when it goes on, and for one it has begun with."""
    if ledger.aborted is None or ledger.slot_of(node, run) is not None:
        return None
    return f"this run was aborted ({ledger.aborted}): start a new run for what is left"


def _taken_back(cluster: str, action: Action, key: str) -> str:
    return f"start {steering_dag(cluster)} with {action}, or take `{key}` out of {OBJECT}"
