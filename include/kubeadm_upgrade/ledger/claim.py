"""Who may have the cluster: one run at a time, whichever Airflow it is of (invariant I8)."""

from __future__ import annotations

from kubeadm_upgrade.assignment import RunId
from kubeadm_upgrade.ledger.ledger import Ledger
from kubeadm_upgrade.ledger.wire import OBJECT


def why_not_go_on(ledger: Ledger, run: RunId) -> str | None:
    """Why this run may begin nothing more; None where it may."""
    if not ledger.is_held_by(run):
        return f"{run} does not hold this cluster any more"
    return None if ledger.aborted is None else f"this run was aborted ({ledger.aborted})"


def why_not_claim(ledger: Ledger, run: RunId, take_over: str = "") -> str | None:
    """Why this run may not have the cluster now; None when it may.

    `take_over` names the run that is to lose it: an explicit act, and no word to all runs there may ever be. No time
    passes a cluster on: whoever seems to be dead may come back.
    """
    holder = ledger.holder
    if holder is None or holder.run == run or holder.released is not None or holder.run.dag_run == take_over:
        return None
    since = holder.since.strftime("%Y-%m-%d %H:%M:%S UTC")
    return (
        f"{holder.run} holds this cluster since {since} ({OBJECT}): let it end, or, if it "
        f"has ended or never will, mark this run as failed and start one with take_over: {holder.run.dag_run}"
    )
