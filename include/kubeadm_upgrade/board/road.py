"""Where a cluster is on its way to its target, and how long what it runs is supported."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from kubeadm_upgrade.board.cluster_record import ClusterRecord
from kubeadm_upgrade.releases.release import Releases
from kubeadm_upgrade.version import TargetVersion, Version


def is_behind(record: ClusterRecord) -> bool:
    """Whether the control plane or a kubelet is older than the cluster's file asks for.

    A file that names a minor release means its latest patch, and what that is only a run knows that has asked the
    repositories: hops that it has planned and not made count as well.
    """
    target = _target(record)
    if target is None:
        return False
    older = any(_is_before(version, target) for version in _running(record))
    return older or bool(hops_left(record))


def hops_left(record: ClusterRecord) -> int | None:
    """Of the path that was planned last; None where it leads elsewhere than the cluster's file by now."""
    planned = record.planned or record.run
    if planned is None or not planned.path:
        return None
    target, aim = _target(record), _version(str(planned.path.get("target", "")))
    if target is not None and (aim is None or not target.accepts(aim)):
        return None
    made = planned.state == "success" and not planned.dry_run and not (planned.hop or {}).get("later")
    return max(0, len(planned.path.get("hops") or ()) - made)


def end_of_life(record: ClusterRecord, releases: Releases) -> date | None:
    """Of the oldest that runs there: a kubelet that was left behind gets no fixes either."""
    minors = {version.minor for version in _running(record)}
    return min((releases.of(minor).support.end_of_life for minor in minors if minor in releases), default=None)


def _running(record: ClusterRecord) -> Iterator[Version]:
    if record.look is not None:
        found = map(_version, (record.look.version, *record.look.kubelets))
        yield from (version for version in found if version is not None)


def _is_before(version: Version, target: TargetVersion) -> bool:
    return (version.major, version.minor, version.patch) < (target.major, target.minor, target.patch or 0)


def _target(record: ClusterRecord) -> TargetVersion | None:
    try:
        return TargetVersion.parse(record.target) if record.target else None
    except ValueError:
        return None


def _version(text: str) -> Version | None:
    try:
        return Version.parse(text)
    except ValueError:
        return None
