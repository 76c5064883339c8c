"""Clusters in any state that the version skew policy allows, with a target and a policy, for hypothesis."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from in_memory.states import LAST_PATCH, MINORS, control_plane_node, gated_releases, worker
from kubeadm_upgrade.planning import skew
from kubeadm_upgrade.planning.path import Policy, WorkerMoves
from kubeadm_upgrade.planning.state import State
from kubeadm_upgrade.version import TargetVersion, Version

FACTS = gated_releases()
PATCHES = st.integers(0, LAST_PATCH)
POLICIES = st.builds(Policy, st.sampled_from(WorkerMoves), st.integers(1, 3), st.booleans(), st.just(True))


@st.composite
def clusters(draw, workers=60):
    """A cluster in any state that the skew policy allows, with an upgrade to the next minor perhaps half done."""
    minor = draw(st.integers(MINORS[0], MINORS[-1] - 1))
    runs = Version(1, minor, draw(PATCHES))
    half_way = draw(st.booleans())
    newest = Version(1, minor + 1, LAST_PATCH) if half_way else runs
    count = draw(st.integers(1, 5))
    moved = draw(st.integers(1, count)) if half_way else 0
    nodes = []
    for number in range(count):
        behind = 0 if half_way and minor < 28 else draw(st.integers(0, 1))
        kubelet = Version(1, max(MINORS[0], minor - behind), draw(PATCHES))
        own = newest if number < moved else runs
        parts = {"kube_scheduler": str(runs)} if number == moved - 1 and draw(st.booleans()) else {}
        nodes.append(control_plane_node(f"cp{number}", str(own), str(kubelet), kube_proxy=str(runs), **parts))
    nodes += [
        worker(f"w{number:02}", str(draw(kubelets(minor, newest))), str(runs))
        for number in range(draw(st.integers(0, workers)))
    ]
    applied = half_way and draw(st.booleans())
    state = State(newest if applied else runs, tuple(nodes))
    return draw(within_a_hop(state, runs, newest, moved) if half_way else at_one_version(state, runs))


@st.composite
def at_one_version(draw, state, runs):
    """With etcd as kubeadm deploys it, or fixed by somebody, or on the way through the gate of the next release."""
    deployed, gate = etcd_of(runs), FACTS.of(runs.minor + 1).needs.etcd
    members = [deployed] * len(state.control_plane)
    misses = gate is not None and deployed < Version.parse(gate.minimum)
    match draw(st.sampled_from(("plain", "old", "theirs", "ours"))):
        case "theirs":
            return with_etcd(replace(state, etcd_pinned="3.9.0-0"), [Version(3, 9, 0)] * len(members))
        case "ours" if misses:
            there = draw(st.lists(st.booleans(), min_size=len(members), max_size=len(members)))
            members = [Version.parse(gate.minimum) if moved else deployed for moved in there]
            return with_etcd(replace(state, etcd_pinned=f"{gate.minimum}-0", etcd_pin_is_ours=True), members)
        case "old":
            members[draw(st.integers(0, len(members) - 1))] = Version(3, 5, 9)
    return with_etcd(state, members)


@st.composite
def within_a_hop(draw, state, runs, newest, moved):
    """The gate was held, and our tag was taken out first; somebody else's stays."""
    gate = FACTS.of(newest.minor).needs.etcd
    before = max(etcd_of(runs), Version.parse(gate.minimum)) if gate else etcd_of(runs)
    if draw(st.booleans()):
        state, before = replace(state, etcd_pinned="3.9.0-0"), Version(3, 9, 0)
    after = max(before, etcd_of(newest))
    return with_etcd(state, [after if number < moved else before for number in range(len(state.control_plane))])


def with_etcd(state: State, members: list[Version]) -> State:
    nodes = [
        replace(node, components={**node.components, "etcd": member})
        for node, member in zip(state.control_plane, members, strict=True)
    ]
    return replace(state, nodes=(*nodes, *state.workers))


def etcd_of(version: Version) -> Version:
    return Version.parse(FACTS.of(version.minor).etcd_of(version.patch).partition("-")[0])


@st.composite
def kubelets(draw, minor, newest):
    """One that may run beside both apiservers, and that kubeadm lets be when it is in the middle of a hop."""
    lags = [
        lag
        for lag in range(4)
        if minor - lag >= MINORS[0]
        and newest.minor - (minor - lag) <= skew.may_lag(Version(1, minor - lag, 0))
        and (newest.minor == minor or newest.minor - (minor - lag) <= skew.kubeadm_lets_lag(newest))
    ]
    return Version(1, minor - draw(st.sampled_from(lags)), draw(PATCHES))


def newest_minor(state: State) -> int:
    return max(node.apiserver.minor for node in state.control_plane)


@st.composite
def cases(draw, workers=60):
    """A cluster, a target up to nine minor releases away, a policy."""
    state = draw(clusters(workers))
    newest = newest_minor(state)
    target = draw(st.integers(newest, min(newest + 9, MINORS[-1])))
    return state, TargetVersion(1, target), draw(POLICIES)


@st.composite
def between_patches(draw):
    """A control plane at two patches of the release below a gate, and nothing else to mind."""
    minor, count = draw(st.sampled_from((29, 31, 33))), draw(st.integers(1, 5))
    runs, newest = Version(1, minor, draw(st.integers(0, 5))), Version(1, minor, draw(st.integers(6, LAST_PATCH)))
    moved = draw(st.integers(1, count))
    own = [newest if number < moved else runs for number in range(count)]
    nodes = [control_plane_node(f"cp{number}", str(one), str(runs)) for number, one in enumerate(own)]
    written_down = draw(st.sampled_from((runs, newest)))
    state = with_etcd(State(written_down, tuple(nodes)), [etcd_of(one) for one in own])
    policy = Policy(draw(st.sampled_from(WorkerMoves)), 3, draw(st.booleans()), pass_etcd_gates=True)
    return state, TargetVersion(1, minor + draw(st.integers(1, 3))), policy
