"""When a wait is worth telling: it has lasted long, and what is waited for does not come about by itself.

Who waits for a turn, a slot, a window, a pause or another run is not blocked: somebody wants it so. Nor is a run that
asks for an approval; but a node that was to begin without one is.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from kubeadm_upgrade.assignment import Assignment
from kubeadm_upgrade.board.words import lasting
from kubeadm_upgrade.ledger.steering import deleting_dag
from kubeadm_upgrade.telling.events import Event, Kind
from kubeadm_upgrade.waits import IDLE, WORDS, Wait, Waits

# nobody's time is lost by these, and nothing goes on before a person has acted
_FOR_A_PERSON = frozenset({Wait.OTHERS, Wait.CREDENTIALS, Wait.FILE, Wait.APPROVAL})
ADMIT = "admit"
_AT_THE_GATES = ("next_in_line", ADMIT)
_MOST_NODES = 5

_DO: Mapping[Wait, str] = {
    Wait.OTHERS: "see who is at work on the host, and let them finish or end it",
    Wait.CREDENTIALS: "renew the credentials in the Airflow connection: they are read again at every try",
    Wait.FILE: "mend the cluster's file",
    Wait.APPROVAL: "clear the task approve to have it asked for, or put the cluster's file back",
    Wait.ANSWER: "see whether it is up, and reached from the triggerer",
    Wait.HEALTH: "see what ails the control plane (kubectl get pods -n kube-system)",
    Wait.WORKLOADS: "see what ails them, or take the check out of rollout.health in the cluster's file",
    Wait.PODS: "see what holds them: a PodDisruptionBudget that allows nothing ({deletes} asks whether what it keeps "
    "may be deleted), or a Pod that does not end",
    Wait.NODE: "see what its kubelet says (journalctl -u kubelet)",
    Wait.COMMAND: "see what it does on the host: the task's log names it",
}


def is_amiss(kind: Wait) -> bool:
    return kind not in IDLE or kind in _FOR_A_PERSON


def mark(waits: Waits) -> str:
    """What is told once: a wait of this kind, since then. It begins anew when something else was waited for between."""
    return f"{waits.kind} {waits.since.isoformat()}"


def is_of_a_window(waits: Waits) -> bool:
    return waits.kind == Wait.WINDOW


def is_blocked(waits: Waits, now: datetime, after: timedelta) -> bool:
    return is_amiss(waits.kind) and now - waits.since >= after


def blocked(work: Assignment, waits: Waits, now: datetime) -> Event:
    """Nodes that wait to be admitted all wait for the same: one of them tells it for all, once an hour at most."""
    lasted = f"has waited {WORDS[waits.kind]} for {lasting((now - waits.since).total_seconds())}: {waits.reason}"
    do = _DO.get(waits.kind, "see its log for what it looks at").format(deletes=deleting_dag(work.cluster))
    if work.step in _AT_THE_GATES:
        text = f"{work.node} {lasted}; so do all that are still to be admitted"
        return Event(Kind.BLOCKED, work.cluster, text, do=do, key=f"{waits.kind} {waits.since:%Y-%m-%dT%H}")
    key = f"{work.group}.{work.step} {mark(waits)}"
    return Event(Kind.BLOCKED, work.cluster, f"{work.node}: {work.step} {lasted}", do=do, node=work.node, key=key)


def window_closed(work: Assignment, waits: Waits) -> Event:
    """Of whoever is next, where others were admitted before. The reason says when it opens: one for each closing."""
    text = f"the maintenance window has closed: {work.node} and what comes after it are left: {waits.reason}"
    return Event(Kind.WINDOW_CLOSED, work.cluster, text, key=waits.reason)


def run_blocked(cluster: str, waits: Waits, now: datetime) -> Event:
    """Of a run that cannot begin, or not go on to its first node."""
    lasted = f"has waited {WORDS[waits.kind]} for {lasting((now - waits.since).total_seconds())}: {waits.reason}"
    return Event(Kind.BLOCKED, cluster, f"the run {lasted}", do=_DO.get(waits.kind, ""), key=f"claim {mark(waits)}")


def share(work: Assignment, waits: Waits) -> tuple[tuple[str, ...], int]:
    """What of which so many are told by one process within an hour: five hundred may wait for one API."""
    admits = work.step in _AT_THE_GATES
    what = (work.cluster, work.run.unmistakable, str(waits.kind), ADMIT if admits else "")
    return what, 1 if admits else _MOST_NODES
