"""Whether a run that a schedule has opened has anything to do: most nights a cluster is where it is to be."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from kubeadm_upgrade.control_plane import CONTROL_PLANE_COMPONENTS
from kubeadm_upgrade.ledger.ledger import Ledger
from kubeadm_upgrade.planning.path import Path
from kubeadm_upgrade.planning.state import NodeState, State
from kubeadm_upgrade.version import Version

NOTHING_TO_DO = "nothing_to_do"  # the XCom of the task due: the sentence why all after it is skipped


def aborted_since(ledger: Ledger, due: datetime) -> str | None:
    """That somebody has aborted a run which has ended since this one was `due`: they did not mean, until this one.

    A window opens no run while one is under way, and its own as soon as that has ended.
    """
    holder = ledger.holder
    if ledger.aborted is None or holder is None or holder.released is None or holder.released < due:
        return None
    return f"Not begun: {holder.run} was aborted in this window ({ledger.aborted})"


def left_to_do(state: State, path: Path) -> Iterator[str]:
    """Why a run has something to do, or somebody has something to be told; nothing, where all is as it is to be.

    Only what was seen counts: a component that is missing is none that is at the target.
    """
    to = path.target
    if state.cluster_version != to:
        yield f"the cluster is at {state.cluster_version}, not {to}"
    for hop in path.hops:
        yield from hop.etcd_work
    if state.etcd_pin_is_ours:
        yield f"kubeadm-config still fixes etcd at our {state.etcd_pinned}"
    yield from state.unversioned
    for node in state.nodes:
        yield from _of_node(node, to)


def _of_node(node: NodeState, to: Version) -> Iterator[str]:
    if node.kubelet != to:
        yield f"{node.name} runs kubelet {node.kubelet}, not {to}"
    for name in CONTROL_PLANE_COMPONENTS if node.control_plane else ():
        runs = node.components.get(name)
        if runs != to:
            yield f"{node.name} runs {name} {runs}, not {to}" if runs else f"{node.name} runs no {name}"
    if not node.ready:
        yield f"{node.name} is not Ready"
    if node.cordoned_by_us:  # whoever else has cordoned one has reasons that no upgrade ends (invariant I7)
        yield f"an earlier run has left {node.name} cordoned"
    if node.holds_slot:
        yield f"an earlier run has left {node.name} out of service"
