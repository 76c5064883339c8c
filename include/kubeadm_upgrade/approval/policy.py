"""Who has to approve what, by when, and what becomes of a run that nobody answers: what a cluster's file decides."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from kubeadm_upgrade.approval.terms import Terms


class When(StrEnum):
    """For which paths somebody is asked."""

    NEVER = "never"
    ALWAYS = "always"
    WHEN_DISRUPTIVE = "when-disruptive"  # drains a worker, goes to another minor release, or one control plane node


class Then(StrEnum):
    """What happens at the deadline, if nobody has answered."""

    REFUSE = "refuse"
    APPROVE = "approve"


@dataclass(frozen=True)
class ApprovalPolicy:
    """Read fresh at every look, as all that is policy."""

    when: When = When.NEVER
    approvers: tuple[str, ...] = ()  # Airflow's ids of users; none: whoever may answer for this DAG
    deadline: timedelta | None = None
    then: Then = Then.REFUSE

    def wants(self, terms: Terms) -> bool:
        """Whether somebody has to agree to this path."""
        match self.when:
            case When.ALWAYS:
                return True
            case When.WHEN_DISRUPTIVE:
                return terms.is_disruptive
            case _:
                return False

    def why_not(self, terms: Terms) -> str:
        """A sentence for a path that nobody has to agree to; "" for one that somebody has to."""
        if self.wants(terms):
            return ""
        if self.when is When.NEVER:
            return "no approval is wanted (approval: never)"
        return (
            "no approval is wanted (approval: when-disruptive): it drains no worker, stays within its minor release, "
            "and has more than one control plane node"
        )

    @property
    def who(self) -> str:
        """`ann or bob`."""
        *others, last = self.approvers or ("whoever has the right to in Airflow",)
        return f"{', '.join(others)} or {last}" if others else last


NOBODY_IS_ASKED = ApprovalPolicy()
