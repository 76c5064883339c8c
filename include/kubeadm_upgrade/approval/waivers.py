"""Which findings of preflight stop a run, when somebody may let some of them pass."""

from __future__ import annotations

from collections.abc import Iterable

from kubeadm_upgrade.approval.approval import Approval
from kubeadm_upgrade.approval.policy import ApprovalPolicy, When
from kubeadm_upgrade.approval.terms import Block
from kubeadm_upgrade.ledger.ledger import Ledger
from kubeadm_upgrade.preflight import CHECKS, MAY_BE_WAIVED, Finding, Severity
from kubeadm_upgrade.version import Version

_CHECKS = frozenset(check.__name__ for checks in CHECKS.values() for check in checks)


def blocking(found: Iterable[Finding], approval: Approval | None = None) -> tuple[Finding, ...]:
    """What stops a run, but for what was waived."""
    return tuple(one for one in found if one.severity is Severity.BLOCK and not _is_waived(one, approval))


def may_all_be_waived(blocks: Iterable[Finding | Block]) -> bool:
    return all(one.check in MAY_BE_WAIVED for one in blocks)


def objection(blocks: Iterable[Finding | Block], waived: Iterable[str]) -> str:
    """Why an approval with these waivers is none, in a sentence; "" where it is one."""
    names, wanted = tuple(waived), tuple(dict.fromkeys(one.check for one in blocks))
    if unknown := [name for name in names if name not in _CHECKS]:
        return f"waive: there is no check {', '.join(unknown)}{_choose(wanted)}"
    if never := [name for name in names if name not in MAY_BE_WAIVED]:
        return f"waive: {', '.join(never)} may never be waived{_choose(wanted)}"
    if left := [name for name in wanted if name not in names]:
        return f"approved, but this still blocks, and was not waived: {', '.join(left)}"
    return ""


def in_the_way(found: Iterable[Finding], ledger: Ledger, policy: ApprovalPolicy, to: Version) -> tuple[Finding, ...]:
    """What stops a run on its way to this version: what its approval has waived counts as seen."""
    approved = ledger.approved
    goes_by_it = approved is not None and policy.when is not When.NEVER and approved.is_of_a_path_to(to)
    return blocking(found, approved if goes_by_it else None)


def _choose(wanted: Iterable[str]) -> str:
    names = ", ".join(wanted)
    return f": what may be waived here is {names}" if names else ": nothing has to be waived here"


def _is_waived(one: Finding, approval: Approval | None) -> bool:
    """Also what an earlier release let somebody waive is not, where this one does not."""
    return approval is not None and one.check in MAY_BE_WAIVED and approval.waives(one.check, one.message)
