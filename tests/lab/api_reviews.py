"""What may I, and who am I? Answered as the API answers about whoever asks; nothing of it is stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lab.kinds import REVIEWS
from lab.rbac import Question, User, why_allowed
from lab.store import Store

if TYPE_CHECKING:
    from lab.cluster import SimulatedCluster

Review = tuple[str, str, str]
NO_REVIEWS: Mapping[Review, str] = {}
#: authentication.k8s.io/v1 has it since then; the betas before it are off unless somebody turns them on.
_SELF_SUBJECT_REVIEW_SINCE = 28


def served(cluster: SimulatedCluster) -> Mapping[Review, str]:
    """Of the apiserver that answers: an older one knows no such resource."""
    old = cluster.control_plane.answering().minor < _SELF_SUBJECT_REVIEW_SINCE
    return {review: kind for review, kind in REVIEWS.items() if not (old and kind == "SelfSubjectReview")}


def answer(store: Store, plural: str, user: User, body: Mapping[str, Any]) -> dict[str, Any]:
    if plural == "selfsubjectreviews":
        info = {"username": user.name, "groups": list(user.groups)}
        return {"kind": "SelfSubjectReview", "apiVersion": "authentication.k8s.io/v1", **_metadata()} | {
            "status": {"userInfo": info}
        }
    spec = body.get("spec", {})
    why = why_allowed(store, user, _question(spec))
    status = {"allowed": False} if why is None else {"allowed": True, **({"reason": why} if why else {})}
    kind = {"kind": "SelfSubjectAccessReview", "apiVersion": "authorization.k8s.io/v1", **_metadata()}
    return kind | {"spec": spec, "status": status}


def _metadata() -> dict[str, Any]:
    return {"metadata": {"creationTimestamp": None}}


def _question(spec: Mapping[str, Any]) -> Question:
    if (path := spec.get("nonResourceAttributes")) is not None:
        return Question(path.get("verb", ""), path=path.get("path", ""))
    wanted = spec.get("resourceAttributes") or {}
    return Question(
        wanted.get("verb", ""),
        wanted.get("group", ""),
        wanted.get("resource", ""),
        wanted.get("subresource", ""),
        wanted.get("namespace") or None,
        wanted.get("name") or None,
    )
