"""Plan the path of a cluster to a target version with as few drains as the version skew policy allows. No I/O.

https://kubernetes.io/releases/version-skew-policy/
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Sized
from itertools import groupby

from kubeadm_upgrade.control_plane import CONTROL_PLANE_COMPONENTS
from kubeadm_upgrade.errors import UpgradeRefused
from kubeadm_upgrade.kubelet_settings import KUBEADM_FLAGS
from kubeadm_upgrade.planning.case import Case
from kubeadm_upgrade.planning.etcd import etcd_on
from kubeadm_upgrade.planning.leftovers import left_over
from kubeadm_upgrade.planning.legs import Leg, legs
from kubeadm_upgrade.planning.needs import needs_on_the_way
from kubeadm_upgrade.planning.path import Change, Group, Path, PathHop, Policy
from kubeadm_upgrade.planning.refusals import behind, by_kubelet, objections, objections_to
from kubeadm_upgrade.planning.removals import control_plane_findings, kubelet_findings, manifest_findings, removed_apis
from kubeadm_upgrade.planning.state import NodeState, State
from kubeadm_upgrade.planning.stops import Stops, may_enter, stop_of, stops
from kubeadm_upgrade.releases.release import Minimum, Releases
from kubeadm_upgrade.version import TargetVersion, Version, etcd_version
from kubeadm_upgrade.wording import agreeing

_RELEASE_NOTES = "https://github.com/kubernetes/kubernetes/blob/master/CHANGELOG/CHANGELOG-{release}.md"
_UPGRADE_PAGE = (
    "https://v{dashed}.docs.kubernetes.io/docs/tasks/administer-cluster/kubeadm/kubeadm-upgrade/"  # kept for each minor
)

_Workers = dict[Version, list[NodeState]]  # by the kubelet version that they have when a hop begins


def plan(
    state: State, target: TargetVersion, policy: Policy, releases: Releases, only: frozenset[str] = frozenset()
) -> Path:
    """Find the path; `only` limits the workers that may move. Raises UpgradeRefused with every reason at once.

    A plan made again on the way is the rest of the same plan: it depends on what runs, and on nothing remembered.
    """
    case = Case(state, target, policy, releases, only)
    if reasons := tuple(objections(case)):
        raise UpgradeRefused(*reasons)
    way = stops(case)
    if reasons := tuple(objections_to(case, way)):
        raise UpgradeRefused(*reasons)
    hops = tuple(_hops(case, way))
    if reasons := tuple(needs_on_the_way(case, hops)):
        raise UpgradeRefused(*reasons)
    return Path(way[-1], policy, hops)


def control_plane_order(state: State, to: Version) -> tuple[NodeState, ...]:
    """The node whose apiserver already moved was the first of an interrupted run, and stays the first.

    So was, on the way through etcd's gate, the one whose etcd has moved. Then whoever an earlier run has left out of
    service, and of those the one that holds a slot: all others would wait for it.
    """
    within_a_gate = state.etcd_pin_is_ours and to == state.cluster_version
    pin = etcd_version(state.etcd_pinned) if within_a_gate else None
    return tuple(
        sorted(
            state.control_plane,
            key=lambda node: (
                node.apiserver != to,
                not _runs_etcd(node, pin),
                not node.holds_slot,
                not node.left_behind,
                node.name,
            ),
        )
    )


def _runs_etcd(node: NodeState, pin: Version | None) -> bool:
    """Whether this member is at the tag that we have fixed."""
    runs = etcd_on(node)
    return pin is not None and runs is not None and runs >= pin


def _hops(case: Case, way: Stops) -> Iterator[PathHop]:
    movable = by_kubelet(sorted(filter(case.may_move, case.state.workers), key=lambda node: node.name))
    left_out = by_kubelet(sorted((w for w in case.state.workers if not case.may_move(w)), key=lambda node: node.name))
    for index, leg in enumerate(legs(case, way)):
        came_from, to, rest = leg.came_from, leg.to, leg.rest
        moving, waiting = _split(case, movable, rest, index)
        yield PathHop(
            came_from=came_from,
            to=to,
            reason=_why_this_hop(case, leg),
            control_plane=tuple(_control_plane(case, leg, index)),
            moving=tuple(_group(nodes, kubelet, _why_now(case, kubelet, rest)) for kubelet, nodes in moving.items()),
            waiting=(
                *(
                    _group(nodes, kubelet, _why_not_yet(case, kubelet, rest, nodes))
                    for kubelet, nodes in waiting.items()
                ),
                *(_group(nodes, kubelet, "not among the nodes of this run") for kubelet, nodes in left_out.items()),
            ),
            changes=tuple(_changes(case.releases, leg)),
            etcd_pin=leg.etcd_pin,
            lifts_etcd_pin=leg.lifts_etcd_pin,
            etcd_minimum=gate.minimum if (gate := case.etcd_gate(came_from.minor, to.minor)) else None,
            removed_apis=removed_apis(case.releases, came_from, to),
            findings=tuple(_findings(case, came_from, to, moving, index)),
            notes=(*_outsider_notes(case, index), *_pin_notes(leg, index), *_notes(case, came_from, to)),
            release_notes=_RELEASE_NOTES.format(release=to.release),
            upgrade_page=_UPGRADE_PAGE.format(dashed=to.release.replace(".", "-")),
        )
        movable = _moved(moving, waiting, to)


def _split(case: Case, movable: _Workers, rest: Stops, index: int) -> tuple[_Workers, _Workers]:
    """Who moves at this stop, and who waits. A worker that an earlier run has drained moves with the first hop."""
    moving, waiting = {}, {}
    for kubelet, nodes in movable.items():
        due = kubelet < rest[0] and stop_of(case, kubelet, rest) == 0
        drained = [node for node in nodes if kubelet < rest[0] and index == 0 and node.cordoned_by_us]
        moving[kubelet] = nodes if due else drained
        waiting[kubelet] = [] if due else [node for node in nodes if node not in drained]
    return _without_empty(moving), _without_empty(waiting)


def _without_empty(workers: _Workers) -> _Workers:
    return {kubelet: nodes for kubelet, nodes in workers.items() if nodes}


def _moved(moving: _Workers, waiting: _Workers, to: Version) -> _Workers:
    arrived = sorted((node for nodes in moving.values() for node in nodes), key=lambda node: node.name)
    there = sorted((*arrived, *waiting.get(to, ())), key=lambda node: node.name)
    return dict(sorted(({**waiting, to: there} if there else waiting).items()))


def _control_plane(case: Case, leg: Leg, index: int) -> Iterator[Group]:
    """The nodes in their order, with what happens to them."""
    for (kubelet, done), alike in groupby(_steps_of_nodes(case, leg, index), key=lambda step: step[1:]):
        yield Group(tuple(name for name, _, _ in alike), kubelet, done)


def _steps_of_nodes(case: Case, leg: Leg, index: int) -> Iterator[tuple[str, Version, str]]:
    to = leg.to
    for position, node in enumerate(control_plane_order(case.state, to)):
        kubelet = node.kubelet if index == 0 else leg.came_from
        if index == 0 and _is_there(case, leg, node):
            done = "there already" if kubelet == to else "only the kubelet is left"
        else:
            done = f"kubeadm upgrade apply {to.tag}" if position == 0 else "kubeadm upgrade node"
        yield node.name, kubelet, done


def _is_there(case: Case, leg: Leg, node: NodeState) -> bool:
    """Whether nothing but its kubelet has to move on this node of the control plane; etcd may have to by itself."""
    runs = {version for name, version in node.components.items() if name in CONTROL_PLANE_COMPONENTS}
    at_the_pin = leg.before.pin == leg.after.pin and _runs_etcd(node, etcd_version(leg.after.pin))
    return runs == {leg.to} == {case.state.cluster_version} and (leg.gate is None or at_the_pin)


def _why_this_hop(case: Case, leg: Leg) -> str:
    came_from, to, rest = leg.came_from, leg.to, leg.rest
    if leg.gate:
        return _why_this_gate(leg, leg.gate)
    if case.interrupted and came_from == case.floor:
        return "finishes the upgrade that was interrupted"
    if to.minor > came_from.minor:
        return "the control plane moves one minor release at a time"
    if len(rest) == 1:
        return "the target"
    if to == came_from:
        return "nodes that were left behind move before the control plane may"
    if to != case.choose(to.minor):
        return "the control plane comes to one version before it moves on"
    return f"the latest patch of {to.release} before the next minor release, as the version skew policy recommends"


def _why_this_gate(leg: Leg, gate: Minimum) -> str:
    verb = "finishes passing" if leg.before.pin == leg.after.pin else "passes"
    return (
        f"{verb} etcd's gate: {leg.rest[1].release} needs etcd {gate.minimum} or newer on every member before it "
        f"({gate.reason}; {gate.source}), which kubeadm {leg.to} does not deploy by itself"
    )


def _why_now(case: Case, kubelet: Version, rest: Stops) -> str:
    if len(rest) == 1:
        return "the target is reached"
    if stop_of(case, kubelet, rest) > 0:
        return "drained by an earlier run"
    allowed, who = case.kubelet_may_lag(kubelet, rest[1])
    if rest[1].minors_ahead_of(kubelet) > allowed:
        return f"kubelet {kubelet} would be {behind(kubelet, rest[1])} behind {rest[1]}, and {who} {allowed}"
    later = (stop for stop in rest[1:] if may_enter(case, kubelet, stop))
    if flag := next(filter(None, (left_over(case, kubelet, stop) for stop in later)), None):
        return f"kubeadm {rest[0].release} takes --{flag} out of {KUBEADM_FLAGS}, and the one after it does not"
    return f"worker_moves is {case.policy.worker_moves}"


def _why_not_yet(case: Case, kubelet: Version, rest: Stops, nodes: Sized) -> str:
    if kubelet >= rest[0]:
        return f"at {kubelet} already"
    following = rest[1] if len(rest) > 1 else rest[0]
    allowed, who = case.kubelet_may_lag(kubelet, following)
    they = agreeing(nodes, "it", "they")
    return f"{they} may wait: {they} will be {behind(kubelet, following)} behind {following}, and {who} {allowed}"


def _changes(releases: Releases, leg: Leg) -> Iterator[Change]:
    if leg.before.runs != leg.after.runs:
        yield Change("etcd", str(leg.before.runs), str(leg.after.runs))
    after = releases.of(leg.to.minor).components
    before = releases.of(leg.came_from.minor).components if leg.came_from.minor in releases else after
    if before.coredns != after.coredns:
        yield Change("CoreDNS", before.coredns, after.coredns)
    if before.pause != after.pause:
        yield Change("pause", before.pause, after.pause)


def _findings(case: Case, came_from: Version, to: Version, moving: _Workers, index: int) -> Iterator[str]:
    yield from control_plane_findings(case.state.settings, case.releases, came_from, to)
    if index == 0:  # after it the manifests are kubeadm's
        moving_too = {node.name for node in case.state.control_plane if node.apiserver != to}
        yield from manifest_findings(case.state.settings, case.releases, to, moving_too)
    control_plane = by_kubelet(case.state.control_plane) if index == 0 else {came_from: list(case.state.control_plane)}
    for kubelet, nodes in (*control_plane.items(), *moving.items()):
        told = {node.name: node.settings for node in nodes}
        yield from kubelet_findings(told, case.releases, kubelet, to)


def _pin_notes(leg: Leg, index: int) -> Iterator[str]:
    """A tag that is fixed is easily forgotten, and etcd with it: somebody else's is told in every plan."""
    if index == 0 and (pin := leg.before.foreign_pin) is not None:
        yield (
            f"kubeadm-config fixes etcd at {pin} (etcd.local.imageTag), which this tool did not set: it stays there, "
            "and kubeadm brings no newer etcd, until whoever set it raises it or takes it out"
        )
    if leg.after.ours and leg.to == leg.rest[-1]:
        yield (
            f"kubeadm-config goes on fixing etcd at {leg.after.pin} (etcd.local.imageTag), set by this tool to pass "
            "etcd's gate: the first hop to a version whose kubeadm deploys that etcd or a newer one takes it out"
        )


def _outsider_notes(case: Case, index: int) -> Iterator[str]:
    """Who is not part of the path at all: told once, before it begins."""
    yield from (outsider.note for outsider in case.state.outsiders if index == 0)


def _notes(case: Case, came_from: Version, to: Version) -> Iterator[str]:
    for minor in range(came_from.minor + 1, to.minor + 1):
        yield from (f"{note.reason.strip().rstrip('.')} ({note.source})" for note in case.releases.of(minor).notes)


def _group(nodes: Sequence[NodeState], kubelet: Version, reason: str) -> Group:
    return Group(tuple(node.name for node in nodes), kubelet, reason)
