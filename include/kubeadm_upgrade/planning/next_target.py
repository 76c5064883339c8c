"""Which version does one most likely want next, where nobody has said so?"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from kubeadm_upgrade.facts import NodeFacts
from kubeadm_upgrade.releases.release import Phase, Releases
from kubeadm_upgrade.version import TargetVersion, Version


def next_target(nodes: Sequence[NodeFacts], releases: Releases, day: date) -> TargetVersion | None:
    """The minor release after that of the control plane's kubelets; none that is not out, or that we know nothing of.

    Workers' kubelets that are behind are brought along by a run to that release. None for a cluster without a node.
    """
    versions = [node.kubelet for node in nodes if node.control_plane] or [node.kubelet for node in nodes]
    if not versions:
        return None
    now = min(versions)
    after = now.minor + 1
    is_out = after in releases and releases.of(after).phase(day) is not Phase.FUTURE
    return TargetVersion(now.major, after if is_out else now.minor)


def goes_back(target: TargetVersion, nodes: Sequence[NodeFacts], server: Version | None = None) -> str:
    """Why a control plane cannot go to this target; empty where it can. No kubelet is newer than its API server."""
    versions = [node.kubelet for node in nodes if node.control_plane] + ([server] if server else [])
    newest = max(versions, default=None)
    if newest is None or not target.is_before(newest):
        return ""
    return behind_us(newest, target)


def behind_us(newest: Version, target: TargetVersion) -> str:
    return f"the control plane is at {newest}, newer than {target}: kubeadm does not go back"
