"""What somebody has answered, as Airflow hands it on: an option, and a form's two fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from kubeadm_upgrade.approval.approval import BY_DEADLINE
from kubeadm_upgrade.next_hop import names_in

APPROVE, REFUSE = "Approve", "Refuse"
REASON, WAIVE = "reason", "waive"
MOST_LETTERS = 500  # of a reason: it stands in the ledger, and in every report of the path


@dataclass(frozen=True)
class Answer:
    """One answer; `by` is BY_DEADLINE where nobody has given one in time."""

    approved: bool
    by: str
    at: datetime
    reason: str = ""
    waive: tuple[str, ...] = ()

    @property
    def by_deadline(self) -> bool:
        return self.by == BY_DEADLINE

    @classmethod
    def read(cls, event: Mapping[str, Any]) -> Answer:
        """Of an API's answer too, which need not have all fields, and may have them empty."""
        form = event.get("params_input") or {}
        user, at = event.get("responded_by_user"), event["responded_at"]
        at = at if isinstance(at, datetime) else datetime.fromisoformat(str(at))
        listed = form.get(WAIVE)
        return cls(
            approved=list(event.get("chosen_options") or ()) == [APPROVE],
            by=_name(user) if user else BY_DEADLINE,
            at=at if at.tzinfo else at.replace(tzinfo=UTC),
            reason=" ".join(str(form.get(REASON) or "").split())[:MOST_LETTERS],
            waive=names_in([listed] if isinstance(listed, str) else [str(one) for one in listed or ()]),
        )


def _name(user: Mapping[str, Any]) -> str:
    return " ".join(str(user.get("name") or user.get("id") or "somebody").split())
