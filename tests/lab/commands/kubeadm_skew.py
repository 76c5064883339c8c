"""May this kubeadm upgrade this cluster to that version? Rules of kubeadm's EnforceVersionPolicies."""

from __future__ import annotations

import re

from lab import node_objects
from lab.commands.kubeadm_cluster import TRACE, cluster_version
from lab.process import Process
from lab.releases import Release

_SEMANTIC = re.compile(r"v?\d+\.\d+\.\d+([-+][0-9A-Za-z.+-]+)?")


def refusal(process: Process, target: Release, force: bool) -> str | None:
    """golden/kubeadm-upgrade-apply-wrong-version.txt.stderr"""
    current, kubeadm = cluster_version(process), process.host.installed("kubeadm")
    mandatory = _mandatory(current, kubeadm, target)
    if mandatory:
        return _fatal(
            "these fatal errors",
            mandatory,
            "\nPlease fix the misalignments highlighted above and try upgrading again",
        )
    skippable = _skippable(process, kubeadm, target)
    if skippable and not force:
        return _fatal("these errors", skippable, "\nCan be bypassed if you pass the --force flag")
    return None


def _fatal(what: str, errors: list[str], end: str) -> str:
    listed = "".join(f"\t- {error}\n" for error in errors)
    return f"[upgrade/version] FATAL: the --version argument is invalid due to {what}:\n\n{listed}{end}\n{TRACE}"


def _mandatory(current: Release, kubeadm: Release, target: Release) -> list[str]:
    subject = f'Specified version to upgrade to "{target.v}"'
    errors = []
    if target.minor - current.minor > 1:
        errors.append(f"{subject} is too high; kubeadm can upgrade only 1 minor version at a time")
    if current.minor - target.minor > 1:
        errors.append(
            f'Specified version to downgrade to "{target.v}" is too low; kubeadm '
            "can downgrade only 1 minor version at a time"
        )
    if target.minor > kubeadm.minor:
        errors.append(
            f"{subject} is at least one minor release higher than the kubeadm minor release "
            f"({target.minor} > {kubeadm.minor}). Such an upgrade is not supported"
        )
    if target.minor < kubeadm.minor - 1:
        errors.append(f'{subject} is equal to or lower than the minimum supported version "v1.{kubeadm.minor - 1}.0"')
    return errors


def _skippable(process: Process, kubeadm: Release, target: Release) -> list[str]:
    errors = []
    if target.minor == kubeadm.minor and target > kubeadm:
        errors.append(
            f'Specified version to upgrade to "{target.v}" is higher than the kubeadm version "{kubeadm.v}". '
            "Upgrade kubeadm first using the tool you used to install kubeadm"
        )
    if target.minor < kubeadm.minor:
        errors.append(
            f"Kubeadm version {kubeadm.v} can only be used to upgrade to Kubernetes version 1.{kubeadm.minor}"
        )
    return errors + _kubelets(process, kubeadm, target)


def _kubelets(process: Process, kubeadm: Release, target: Release) -> list[str]:
    """Of every Node, whoever keeps it; one that is no version ends the check (detectTooOldKubelets in policy.go)."""
    # the skew policy's three minors since 1.29 (kubernetes/kubernetes#120825), one before
    allowed, old = 3 if kubeadm.minor >= 29 else 1, []
    for version in sorted({node_objects.kubelet_version(node) for node in process.host.cluster.store.each("Node")}):
        if not _SEMANTIC.fullmatch(version):
            return [f"couldn't parse kubelet version {version}"]
        if target.minor - int(version.split(".")[1]) > allowed:
            old.append(version)
    found = f"There are kubelets in this cluster that are too old that have these versions [{' '.join(old)}]"
    return [found] if old else []
