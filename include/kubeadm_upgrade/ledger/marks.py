"""What a person writes into the ledger to hold an upgrade up, as a sentence that says how it is taken back."""

from __future__ import annotations

from kubeadm_upgrade.ledger.ledger import Ledger
from kubeadm_upgrade.ledger.wire import GIVEN_UP, OBJECT, PAUSED


def paused(ledger: Ledger) -> str | None:
    """That the cluster's upgrade is paused; None when it is not."""
    if ledger.paused is None:
        return None
    return f"the upgrade is paused ({ledger.paused}): take `{PAUSED}` out of {OBJECT}"


def given_up(ledger: Ledger, node: str) -> str | None:
    """That this node was given up; None when it was not."""
    reason = ledger.given_up.get(node)
    if reason is None:
        return None
    return f"it was given up ({reason}): a later run takes it; for this one, take {GIVEN_UP}{node} out of {OBJECT}"
