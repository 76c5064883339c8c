"""What a cluster's API answers, as values and as our own errors."""

from __future__ import annotations

import json
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple

from kubeadm_upgrade.drain.answer import denied_by_admission
from kubeadm_upgrade.errors import Conflict, Forbidden, NeedsPerson, ObjectNotFound, Unreachable
from kubeadm_upgrade.objects import read_readyz

Json = dict[str, Any]

_GRANT = "grant all that docs/rbac.yaml lists (kubectl apply -f docs/rbac.yaml)"


class Answer(NamedTuple):
    """What the API has answered."""

    status: int
    text: str
    retry_after: str = ""  # the header

    @property
    def said(self) -> Json:
        """Its Status object; of whatever else it may be, the text."""
        return status_object(self.text)


def date_of(header: str | None) -> datetime | None:
    try:
        return parsedate_to_datetime(header) if header else None
    except ValueError:
        return None


def status_object(text: str) -> Json:
    found = parsed(text)
    return found if isinstance(found, dict) else {"message": text}


def parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def words(text: str) -> str:
    return status_object(text).get("message") or text.strip()[:300]


def not_ready(status: int, text: str) -> Unreachable:
    """An API server's answer to /readyz. Kubernetes lets everybody read that, once the server has its rules."""
    said = ", ".join(read_readyz(text)) if status == 500 else words(text)
    hint = " (if this lasts, ClusterRole system:public-info-viewer is not granted)" if status == 403 else ""
    return Unreachable(f"the API server is not ready yet: GET /readyz: status {status}: {said}{hint}")


def error_of(answer: Answer, request: str) -> Exception:
    """The API's refusal as one of our errors, in the API's own words."""
    status, said = answer.status, words(answer.text)
    match status:
        case 403 if denied_by_admission(answer.said):
            return Forbidden(f"{request}: {said}")
        case 403:
            return Forbidden(f"{request}: {said}", do=_GRANT)
        case 404:
            return ObjectNotFound(f"{request}: {said}")
        case 409:
            return Conflict(f"{request}: {said}")
        case _ if status in (410, 429) or status >= 500:  # 410: a list whose pages took too long
            return Unreachable(f"{request}: status {status}: {said}")
        case _:
            return NeedsPerson(f"{request}: status {status}: {said}")
