"""What the API answers to an Eviction, as an obstacle.

https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/#how-api-initiated-eviction-works
201, or 404: it goes, or has gone. Whatever is neither here nor there is an error, as of any other request.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from kubeadm_upgrade.drain.obstacle import Obstacle, Why

Json = Mapping[str, Any]

# k8s.io/apiserver, pkg/admission/plugin: webhook/errors, policy/validating, policy/generic (of mutating ones)
_ADMISSION = re.compile(
    r'admission webhook "[^"]+" denied the request'
    r'|failed calling webhook "[^"]+"'
    r"|[Pp]olicy ('[^']+'|\"[^\"]+\")( with binding '[^']+')? denied request"
)
_SEVERAL = "more than one PodDisruptionBudget"


def obstacle(pod: str, status: int, said: Json, retry_after: str = "") -> Obstacle | None:
    """Why an eviction is not granted yet; None where the answer is not of that kind."""
    why = _why(status, said)
    if why is None:
        return None
    seconds = int(retry_after) if retry_after.isascii() and retry_after.isdigit() else None
    return Obstacle(why, pod, _words(said), retry_after=seconds)


def _why(status: int, said: Json) -> Why | None:
    if is_of_a_terminating_namespace(said):
        return Why.NAMESPACE
    if _ADMISSION.search(str(said.get("message"))):
        return Why.WEBHOOK
    match status:
        case 409:
            return Why.CHANGED
        case 429:
            return Why.BUDGET if _is_of_a_budget(said) else Why.BUSY
        case 500:
            return Why.BUDGETS if _SEVERAL in str(said.get("message")) else Why.SERVER
        case _:
            return None


def _is_of_a_budget(said: Json) -> bool:
    named = any(cause.get("reason") == "DisruptionBudget" for cause in causes(said))
    return named or "disruption budget" in str(said.get("message"))


def _words(said: Json) -> str:
    words = "; ".join(cause["message"] for cause in causes(said) if cause.get("message"))
    return words or str(said.get("message", ""))


def is_of_a_terminating_namespace(said: Json) -> bool:
    """It takes nothing new, an Eviction neither."""
    return any(cause.get("reason") == "NamespaceTerminating" for cause in causes(said))


def denied_by_admission(said: Json) -> bool:
    """Whether a request was refused for what it is about, although we have the right to make it.

    A webhook says no with a status of its own choice, and a policy with one of four (401, 403, 413, else 422).
    """
    denied = _ADMISSION.search(str(said.get("message")))
    return is_of_a_terminating_namespace(said) or denied is not None


def causes(said: Json) -> Iterable[Json]:
    details = said.get("details")
    return details.get("causes") or () if isinstance(details, Mapping) else ()  # a proxy's own JSON has other details
