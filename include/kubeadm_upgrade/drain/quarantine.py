"""A worker whose drain stays blocked is left as it is, and the others go on: as far as the cluster's file allows.

It is given up as a person would give it up, and the ledger says that nobody has: so it is in nobody's way, the report
names it, the run does not end as done, and a later run takes it.
"""

from __future__ import annotations

from kubeadm_upgrade.drain.policy import DrainPolicy, OnBlocked
from kubeadm_upgrade.ledger.ledger import Ledger

LABEL = "kubeadm-fleet.io/quarantined"
_WORD = "quarantined: "
_MOST = 300  # letters of why: the ledger is one small object


def reason(waited_for: str) -> str:
    """What the ledger says of it."""
    line = " ".join(f"{_WORD}its drain was blocked at its deadline: {waited_for}".split())
    return line if len(line) <= _MOST else f"{line[: _MOST - 1]}…"


def is_quarantine(why: str) -> bool:
    """Whether this is why a worker is given up, and nobody has decided it."""
    return why.startswith(_WORD)


def told(node: str, why: str) -> str:
    """Of a worker that is given up, by whoever: what pages and reports say of it."""
    if is_quarantine(why):
        return f"{node} is quarantined: {why.removeprefix(_WORD)}"
    return f"{node} was given up: {why}"


def quarantined(ledger: Ledger) -> tuple[str, ...]:
    return tuple(sorted(node for node, why in ledger.given_up.items() if is_quarantine(why)))


def may_be_quarantined(ledger: Ledger, policy: DrainPolicy) -> bool:
    return len(quarantined(ledger)) < policy.quarantines


def why_not(ledger: Ledger, policy: DrainPolicy) -> str:
    """Why a blocked node is not quarantined although the file says so; "" where it does not say so."""
    others = quarantined(ledger)
    if policy.on_blocked is not OnBlocked.QUARANTINE or not others:
        return ""
    return f" ({', '.join(others)} quarantined already, and max_quarantined is {policy.max_quarantined})"
