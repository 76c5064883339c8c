"""Random clusters, random targets: what holds for every path that is ever planned."""

from __future__ import annotations

import heapq
from dataclasses import replace
from itertools import islice, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from in_memory.random_states import FACTS, between_patches, cases, etcd_of
from in_memory.replay import Replay
from in_memory.states import LAST_PATCH
from kubeadm_upgrade.control_plane import CONTROL_PLANE_COMPONENTS
from kubeadm_upgrade.errors import UpgradeRefused
from kubeadm_upgrade.planning.path import Policy, WorkerMoves
from kubeadm_upgrade.planning.plan import plan
from kubeadm_upgrade.planning.state import State
from kubeadm_upgrade.version import Version


@settings(max_examples=150, deadline=None)
@given(st.one_of(cases(), between_patches()))
def test_no_moment_of_a_path_breaks_the_skew_policy_and_it_ends_at_the_target(case):
    """Component by component, with kubeadm asked before every apply (invariant I5)."""
    state, target, policy = case
    path = plan(state, target, policy, FACTS)
    replay = Replay(state, path, FACTS)
    for broken in replay.steps():
        assert not broken, [str(violation) for violation in broken]
    end = replay.now()
    assert end.cluster_version == path.target == Version(1, target.minor, LAST_PATCH)
    for node in end.nodes:
        assert {node.kubelet, *(v for kind, v in node.components.items() if kind != "etcd")} == {path.target}


@settings(max_examples=150, deadline=None)
@given(cases(workers=4))
def test_a_tag_of_ours_is_gone_behind_the_gate_and_that_of_somebody_else_stays(case):
    """And etcd is nowhere older than kubeadm's own."""
    state, target, policy = case
    path = plan(state, target, policy, FACTS)
    replay = Replay(state, path, FACTS)
    for _ in replay.steps():
        pass
    end, tag = replay.now(), replay.etcd_pinned
    if state.etcd_pinned and not state.etcd_pin_is_ours:
        assert (end.etcd_pinned, end.etcd_pin_is_ours) == (state.etcd_pinned, False)
        assert any("which this tool did not set" in note for note in path.hops[0].notes)
    elif any(hop.came_from.minor != hop.to.minor for hop in path.hops):
        assert tag is None
        assert min(node.components["etcd"] for node in end.control_plane) >= etcd_of(path.target)
    assert bool(tag and end.etcd_pin_is_ours) == any("set by this tool" in note for note in path.hops[-1].notes)


@settings(max_examples=150, deadline=None)
@given(cases(workers=4))
def test_a_gate_is_passed_where_it_would_be_missed_and_nowhere_else(case):
    """Without leave, the same plan where it has no such hop; else a sentence."""
    state, target, policy = case
    hops, without = plan(state, target, policy, FACTS).hops, replace(policy, pass_etcd_gates=False)
    if any(hop.etcd_pin for hop in hops):
        with pytest.raises(UpgradeRefused, match=r"set path\.pass_etcd_gates: true in the inventory"):
            plan(state, target, without, FACTS)
    else:
        assert plan(state, target, without, FACTS).hops == hops
    for hop, following in pairwise(hops):
        assert not hop.etcd_pin or (hop.came_from == hop.to and following.to.minor == hop.to.minor + 1)


@settings(max_examples=150, deadline=None)
@given(cases(workers=4))
def test_workers_are_drained_as_seldom_as_can_be(case):
    """As often as the cheapest of all ways that an exhaustive search finds; with every-hop, once in every hop."""
    state, target, policy = case
    path = plan(state, target, policy, FACTS)
    for node in state.workers:
        fewest = cheapest(state, node.kubelet, path.target, policy)
        drains = path.drains.get(node.name, 0)
        assert drains >= fewest if policy.worker_moves is WorkerMoves.EVERY_HOP else drains == fewest


@settings(max_examples=150, deadline=None)
@given(st.one_of(cases(workers=8), between_patches()), st.data())
def test_a_plan_made_again_anywhere_on_the_way_is_the_rest_of_the_same(case, data):
    """Whatever the moment: it depends on what runs, and on nothing remembered."""
    state, target, policy = case
    path = plan(state, target, policy, FACTS)
    replay = Replay(state, path, FACTS)
    steps = sum(1 for _ in Replay(state, path, FACTS).steps())
    for _ in islice(replay.steps(), data.draw(st.integers(0, steps))):
        pass
    now = replay.now()
    again = plan(now, target, policy, FACTS)
    kubelets_now = {node.name: node.kubelet for node in now.nodes}
    left = [
        (
            hop.to,
            [name for name in hop.workers if kubelets_now[name] != hop.to] if index == replay.hop else [*hop.workers],
            hop.etcd_pin if index > replay.hop or not all_run(now, hop.etcd_pin) else None,
            hop.lifts_etcd_pin and (index > replay.hop or now.etcd_pin_is_ours),
        )
        for index, hop in enumerate(path.hops)
        if index >= replay.hop
    ]
    while len(left) > 1 and not left[0][1] and not left[0][2] and at_rest(now, left[0][0], policy):
        left.pop(0)  # the stop was at the end of a hop
    planned = [(hop.to, sorted(hop.workers), hop.etcd_pin, hop.lifts_etcd_pin) for hop in again.hops]
    assert planned == [(to, sorted(names), *etcd) for to, names, *etcd in left or [(path.target, [], None, False)]]


@given(cases(workers=8), st.randoms())
def test_the_order_in_which_the_api_lists_nodes_changes_nothing(case, random):
    """Neither the plan nor its name."""
    state, target, policy = case
    nodes = list(state.nodes)
    random.shuffle(nodes)
    path, other = plan(state, target, policy, FACTS), plan(replace(state, nodes=tuple(nodes)), target, policy, FACTS)
    assert (path, path.hash) == (other, other.hash)


def all_run(state: State, tag: str | None) -> bool:
    """Whether every member of etcd is at this tag."""
    members = [node.components["etcd"] for node in state.control_plane]
    return tag is None or min(members) >= Version.parse(tag.partition("-")[0])


def at_rest(state: State, to: Version, policy: Policy) -> bool:
    """Whether the control plane with its kubelets is at a version.

    Where patches are not to come first, kubelets that lack only a patch get it with the next hop.
    """
    running = {node.components[kind] for node in state.control_plane for kind in CONTROL_PLANE_COMPONENTS}
    kubelets = {node.kubelet for node in state.control_plane}
    there = kubelets == {to} if policy.latest_patch_first else {kubelet.minor for kubelet in kubelets} == {to.minor}
    return running | {state.cluster_version} == {to} and there


def cheapest(state: State, kubelet: Version, target: Version, policy: Policy) -> int:
    """Dijkstra over (stop of the control plane, kubelet): the control plane moves for nothing, the worker for one."""
    stops = stops_by_the_book(state, target, policy)
    queue, seen = [(0, 0, kubelet)], set()
    while queue:
        cost, at, runs = heapq.heappop(queue)
        if at == len(stops) - 1 and runs == target:
            return cost
        if (at, runs) in seen:
            continue
        seen.add((at, runs))
        heapq.heappush(queue, (cost + 1, at, stops[at]))
        if at + 1 < len(stops) and may_stay(runs, stops[at + 1], policy):
            heapq.heappush(queue, (cost, at + 1, runs))
    raise AssertionError("there is no way")


def stops_by_the_book(state: State, target: Version, policy: Policy) -> list[Version]:
    """Where the control plane is, the latest patch of that minor release if that is wanted, and every next minor."""
    newest = max(node.apiserver for node in state.control_plane)
    oldest = min(node.components[kind] for node in state.control_plane for kind in CONTROL_PLANE_COMPONENTS)
    half_way = min(oldest, state.cluster_version).minor != newest.minor
    latest = Version(1, newest.minor, LAST_PATCH)
    stops = [latest] if half_way else [newest]
    if newest != latest and not half_way and (policy.latest_patch_first or target.minor == newest.minor):
        stops.append(latest)
    return stops + [Version(1, minor, LAST_PATCH) for minor in range(newest.minor + 1, target.minor + 1)]


def may_stay(kubelet: Version, to: Version, policy: Policy) -> bool:
    """The numbers of the policy page, of kubeadm's release notes and of the cluster's file, written down once more."""
    allowed = min(2 if kubelet.minor < 25 else 3, 1 if to.minor <= 28 else 3, policy.max_kubelet_skew)
    return to.minor - kubelet.minor <= allowed
