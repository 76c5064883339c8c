"""What a run's tasks know of its approval: the terms of its plan, and the ledger's word on them."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

from airflow.sdk import Context

from kubeadm_airflow.hooks.cluster_claim import ledger_of
from kubeadm_upgrade.approval.approval import Approval
from kubeadm_upgrade.approval.terms import Terms
from kubeadm_upgrade.approval.terms_of import with_findings
from kubeadm_upgrade.inventory import Cluster
from kubeadm_upgrade.preflight import Finding

APPROVAL = "approval"  # the XCom: the approval that a run goes by, for its report


async def planned_terms(context: Context, cluster: Cluster) -> tuple[Terms, frozenset[str]]:
    """The terms of the run's plan, with the care of now, and the nodes that had been begun with by then."""
    ti: Any = context["ti"]
    plain, begun = await ti.axcom_pull(task_ids="plan", key="terms"), await ti.axcom_pull(task_ids="plan", key="begun")
    return Terms.from_json(plain).with_care(cluster.rollout.care), frozenset(begun or ())


async def as_planned(context: Context, cluster: Cluster) -> tuple[Terms, frozenset[str], tuple[Finding, ...]]:
    """As `planned_terms`, with what preflight has found then."""
    ti: Any = context["ti"]
    judged = await ti.axcom_pull(task_ids="preflight", key="judged")
    found = tuple(map(Finding.from_json, judged or ()))
    planned, begun = await planned_terms(context, cluster)
    return with_findings(planned, found), begun, found


def told_of(approval: Approval) -> dict[str, Any]:
    """For reports and boards: without the terms, but with their name."""
    plain = {name: value for name, value in approval.to_json().items() if name != "terms"}
    return plain | {"plan": approval.terms.hash}


async def approval_that_covers(cluster: Cluster, terms: Terms, begun: Set[str]) -> Approval | None:
    """What was approved, where these are the rest of it; None where somebody is to be asked."""
    approved = (await ledger_of(cluster)).approved
    return approved if approved is not None and approved.covers(terms, begun) else None
