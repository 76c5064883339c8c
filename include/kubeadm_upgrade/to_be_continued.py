"""What is told of a run that has ended with its window: what is left, and what it waits for."""

from __future__ import annotations

from collections.abc import Sequence

from kubeadm_upgrade.windows.hold import BEFORE
from kubeadm_upgrade.wording import agreeing, shortened

RESULT = "To be continued"  # of a report: nobody is needed, and nobody calls it done
LEAVES = "to be continued: "  # before what keeps a node that is left


def told(left: Sequence[str], why: str) -> str:
    """One sentence. `why`: what the gate has told of the first that was left."""
    names = shortened(left)
    rest = f": {names} {agreeing(left, 'is', 'are')} left" if names else ""
    return f"{RESULT}{rest} ({why.removeprefix(LEAVES).removeprefix(BEFORE)})"
