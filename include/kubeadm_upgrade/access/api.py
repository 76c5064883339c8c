"""What the Kubernetes API has answered, as lines of a check."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from kubeadm_upgrade.access.line import Line, State
from kubeadm_upgrade.access.permissions import Permission, permissions
from kubeadm_upgrade.errors import UpgradeError
from kubeadm_upgrade.facts import NodeFacts
from kubeadm_upgrade.outsiders import Outsider
from kubeadm_upgrade.planning.next_target import goes_back
from kubeadm_upgrade.version import TargetVersion, Version
from kubeadm_upgrade.wording import count

API = "Kubernetes API"
CONNECTION, ANSWERS, IDENTITY, NODES, SURPLUS = "connection", "answers", "identity", "nodes", "least rights"
TARGET = "target"

LIST_NODES = Permission("list", "", "nodes")
_GRANT = "as an administrator: kubectl apply -f docs/rbac.yaml, and use a token of its service account kubeadm-fleet"


def questions() -> tuple[str, ...]:
    """In the order in which they are asked."""
    return (CONNECTION, ANSWERS, IDENTITY, *map(right, permissions()), SURPLUS, NODES, TARGET)


def right(permission: Permission) -> str:
    return f"may {permission}"


def failed(question: str, error: UpgradeError, conn_id: str) -> Line:
    """What stands against it; and what to do, where the error does not say so."""
    usual = {
        CONNECTION: f"mend the connection {conn_id}: docs/connections.md shows every value",
        ANSWERS: "see whether kubectl --kubeconfig FILE get --raw /readyz works from here: the address in the "
        "kubeconfig, a firewall, or a proxy in between (HTTPS_PROXY, NO_PROXY)",
        IDENTITY: f"renew the credentials of the connection {conn_id}: docs/rbac.yaml has the commands",
    }
    return Line(API, question, State.WRONG, error.what, error.do or usual.get(question, _GRANT))


def connection(conn_id: str, *, verified: bool) -> Line:
    if verified:
        return Line(API, CONNECTION, State.OK, conn_id)
    what = "its kubeconfig says insecure-skip-tls-verify: whoever answers in the API's place is shown the credentials"
    do = "it works; better is certificate-authority-data of the cluster's own kubeconfig in its place"
    return Line(API, CONNECTION, State.MIND, what, do)


def answers(version: str) -> Line:
    return Line(API, ANSWERS, State.OK, version)


def identity(who: str | None) -> Line:
    """None: an API before 1.28 cannot say; what it lets us do is asked all the same."""
    return Line(API, IDENTITY, State.OK, who or "an API before 1.28 cannot say who we are")


def granted(permission: Permission, review: Mapping[str, Any], who: str | None) -> Line:
    """A SelfSubjectAccessReview that has come back."""
    status = review.get("status") or {}
    if status.get("allowed") is True:
        return Line(API, right(permission), State.OK, str(status.get("reason") or ""))
    why = status.get("reason") or status.get("evaluationError") or ""
    what = f"{who or 'this account'} may not {permission}" + (f": {why}" if why else "")
    if permission.optional:
        do = f"an upgrade goes without it; no drain deletes a Pod then, whoever agrees (docs/drain.md): {_GRANT}"
        return Line(API, right(permission), State.MIND, what, do)
    return Line(API, right(permission), State.WRONG, what, _GRANT)


def surplus(review: Mapping[str, Any], who: str | None) -> Line:
    """Whoever may do everything is an administrator: that works, and is more than a machine's account should have."""
    if (review.get("status") or {}).get("allowed") is not True:
        return Line(API, SURPLUS, State.OK)
    needed = count(len(permissions()), "right")
    what = f"{who or 'this account'} may do everything in this cluster; an upgrade needs {needed}"
    return Line(API, SURPLUS, State.MIND, what, f"it works; better is a right of its own: {_GRANT}")


def are_least_rights(lines: Iterable[Line]) -> bool:
    """Whether every right that is needed is there, and no more is."""
    wanted = {*(right(one) for one in permissions() if not one.optional), SURPLUS}
    return all(line.state is State.OK for line in lines if line.subject == API and line.question in wanted)


def nodes(found: Sequence[NodeFacts], outsiders: Sequence[Outsider], conn_id: str) -> Line:
    if not found:
        do = f"see whether the connection {conn_id} is of the cluster that is meant"
        return Line(API, NODES, State.WRONG, "the cluster has no node that could be upgraded", do)
    left_out = f"; left as they are: {', '.join(map(str, outsiders))}" if outsiders else ""
    return Line(API, NODES, State.OK, f"{count(len(found), 'node')} to ask over SSH{left_out}")


def target(wanted: TargetVersion, answered: str, found: Sequence[NodeFacts], cluster: str) -> Line:
    """Whether it lies ahead. `answered`: the version of the API server that was asked, where several may differ."""
    try:
        server = Version.parse(answered)
    except ValueError:  # of somebody's own making: the nodes say theirs
        server = None
    if why := goes_back(wanted, found, server):
        return Line(API, TARGET, State.WRONG, why, f"raise target_version in {cluster}.yaml")
    return Line(API, TARGET, State.OK, str(wanted))
