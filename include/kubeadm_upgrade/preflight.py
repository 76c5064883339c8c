"""Preflight: what must be so before anything is touched.

A check is a function from what was looked at to sentences; none is a pass. To add one, write the function in checks/
and put it into CHECKS: its name is its id, the first line of its docstring its title. What could not be looked at is
a finding as well: unknown is not pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from kubeadm_upgrade.checks import cluster, drains, hosts, packages, rollout, service, windows
from kubeadm_upgrade.checks.scene import Scene


class Severity(StrEnum):
    BLOCK = "block"
    WARN = "warn"


@dataclass(frozen=True)
class Finding:
    """One thing that a check found, in a sentence that names the place and the way out."""

    check: str
    severity: Severity
    message: str

    def __str__(self) -> str:
        return f"{self.severity}: {self.message}"

    def to_json(self) -> list[str]:
        return [self.check, str(self.severity), self.message]

    @classmethod
    def from_json(cls, plain: Sequence[str]) -> Finding:
        check, severity, message = plain
        return cls(check, Severity(severity), message)


Check = Callable[[Scene], Iterator[str]]

CHECKS: Mapping[Severity, tuple[Check, ...]] = {
    Severity.BLOCK: (
        cluster.api_ready,
        cluster.roles_agree,
        cluster.versions_known,
        cluster.nodes_ready,
        hosts.hosts_answer,
        hosts.answers_read,
        hosts.host_is_the_nodes,
        hosts.hostname_unchanged,
        hosts.clocks_agree,
        hosts.file_systems_writable,
        hosts.room_on_disks,
        hosts.swap_off,
        hosts.needs_met,
        hosts.cri_socket_agrees,
        packages.package_manager_known,
        packages.repository_file_replaceable,
        packages.repository_offers_version,
        packages.packages_not_excluded,
        packages.packages_whole,
        packages.kubelet_of_its_package,
        packages.packages_not_newer,
        cluster.drain_allowed,
        cluster.etcd_on_control_plane,
        cluster.settings_still_known,
        cluster.manifests_explained,
        cluster.outsiders_let_apply,
        service.slots_left,
        rollout.one_group_each,
        rollout.canary_known,
        windows.fits_a_window,
    ),
    Severity.WARN: (
        cluster.release_supported,
        cluster.cordoned_before,
        service.out_of_service,
        rollout.groups_take_somebody,
        cluster.outsiders_left_out,
        hosts.kubelet_unit_loaded,
        hosts.kubelet_configuration_kept,
        hosts.kubelet_configuration_seen,
        hosts.no_reboot_pending,
        drains.drains_rehearsed,
    ),
}


# What a cluster gets over by itself: a check that fails for a moment is looked at again before it ends a night's run.
_SETTLES = {
    check.__name__ for check in (cluster.api_ready, cluster.roles_agree, cluster.nodes_ready, service.slots_left)
}

# What somebody who approves a path may let pass, by name and with a reason: what may turn out to be no matter, and at
# worst leaves a node out of service. Nothing else ever may: not what would take the control plane apart (I3), break the
# skew policy (I5), hide who or what a machine is (I9), go backwards (I10) or lose data; nor what a step would refuse.
MAY_BE_WAIVED = frozenset(
    check.__name__ for check in (hosts.clocks_agree, hosts.room_on_disks, hosts.swap_off, cluster.drain_allowed)
)


def may_settle(found: tuple[Finding, ...]) -> bool:
    """Whether all that blocks may be over soon."""
    return all(one.check in _SETTLES for one in found if one.severity is Severity.BLOCK)


def findings(scene: Scene) -> tuple[Finding, ...]:
    """What every check finds, blocking ones first."""
    return tuple(
        Finding(check.__name__, severity, message)
        for severity, checks in CHECKS.items()
        for check in checks
        for message in check(scene)
    )
