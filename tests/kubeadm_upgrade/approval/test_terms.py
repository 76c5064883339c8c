"""What somebody has agreed to: bound to what was shown, and to nothing that changes by itself."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import islice

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from in_memory.random_states import FACTS, between_patches, cases
from in_memory.replay import Replay
from kubeadm_upgrade.approval.difference import covers, difference, of_the_hop
from kubeadm_upgrade.approval.figures import masked
from kubeadm_upgrade.approval.terms import Block, Care, HopTerms, Terms
from kubeadm_upgrade.approval.terms_of import begun_in, terms_of
from kubeadm_upgrade.inventory import Cluster
from kubeadm_upgrade.planning.plan import plan
from kubeadm_upgrade.version import TargetVersion, Version

CLUSTER = Cluster("a", "api", "ssh", TargetVersion.parse("1.29"))
DEB = {"deb": dict.fromkeys(("kubeadm", "kubectl", "kubelet"), "1.29.15-1.1")}


def hop(came_from="1.28.15", to="1.29.15", planes=("cp1", "cp2", "cp3"), workers=("w1", "w2", "w3"), **more):
    return HopTerms(Version.parse(came_from), Version.parse(to), tuple(planes), tuple(workers), **more)


FULL = Block("room_on_disks", "w1: /dev/sda1 has 123 MiB free, and 768 MiB are needed: make room")
TERMS = Terms(
    hops=(hop(packages=DEB), hop("1.29.15", "1.30.14", workers=("w1", "w2", "w3"))),
    repository="https://pkgs.k8s.io/core:/stable:/v{minor}/{format}/",
    care=Care(2, ("delete_emptydir_data",), ("feature-gates",), ("SystemVerification",)),
    warnings=("no_reboot_pending",),
    blocks=(FULL,),
)


def with_hop(index=0, **changes):
    hops = list(TERMS.hops)
    hops[index] = replace(hops[index], **changes)
    return replace(TERMS, hops=tuple(hops))


def with_care(**changes):
    return replace(TERMS, care=replace(TERMS.care, **changes))


@pytest.mark.parametrize(
    ("now", "sentence"),
    [
        pytest.param(with_hop(workers=("w1", "w2", "w3", "w7")), "worker w7 is new", id="a worker has joined"),
        pytest.param(
            replace(
                TERMS, hops=(hop(workers=()), hop("1.29.15", "1.30.14", workers=("w1", "w2", "w3", "w8", "w9")))
            ),
            "workers w8, w9 are new",
            id="and two that move later",
        ),
        pytest.param(
            with_hop(packages={"deb": {**DEB["deb"], "kubelet": "1.29.15-2.1"}}),
            "kubelet (deb): 1.29.15-1.1 → 1.29.15-2.1",
            id="another revision of a package",
        ),
        pytest.param(
            with_hop(packages={**DEB, "rpm": DEB["deb"]}), "hosts with rpm packages are new", id="another kind of host"
        ),
        pytest.param(
            replace(TERMS, hops=(hop(to="1.29.16", packages=DEB), TERMS.hops[1])),
            "the hop to 1.29: 1.29.15 → 1.29.16",
            id="another patch",
        ),
        pytest.param(
            replace(TERMS, hops=(*TERMS.hops, hop("1.30.14", "1.31.14"))),
            "the hop 1.30.14 → 1.31.14 is new",
            id="a hop more",
        ),
        pytest.param(
            replace(TERMS, hops=TERMS.hops[:1]), "the path ends at 1.29.15, and not at 1.30.14", id="another end"
        ),
        pytest.param(
            replace(TERMS, hops=(hop("1.28.10", packages=DEB), TERMS.hops[1])),
            "the hop to 1.29.15 begins at 1.28.10, and not at 1.28.15",
            id="from farther back",
        ),
        pytest.param(
            with_hop(control_plane=("cp1", "cp2", "cp3", "cp4")),
            "control plane node cp4 is new",
            id="a control plane node more",
        ),
        pytest.param(
            with_hop(control_plane=("cp1", "w1", "cp2", "cp3"), workers=("w2", "w3")),
            "control plane node w1 is new of the control plane",
            id="a worker that has become one",
        ),
        pytest.param(replace(TERMS, ignores_windows=True), "it does not wait for maintenance windows", id="at noon"),
        pytest.param(with_hop(control_plane=("cp1", "cp3")), "control plane node cp2 is gone", id="one less"),
        pytest.param(
            with_hop(control_plane=("cp3", "cp1", "cp2")),
            "the order of the control plane: cp1, cp2, cp3 → cp3, cp1, cp2",
            id="another order",
        ),
        pytest.param(
            with_hop(etcd=("fixes etcd at 3.5.26-0",)), "the hop to 1.29.15 fixes etcd at 3.5.26-0", id="etcd work"
        ),
        pytest.param(
            replace(TERMS, repository="https://mirror/v{minor}/"),
            "the package repository: https://pkgs.k8s.io/core:/stable:/v{minor}/{format}/ → https://mirror/v{minor}/",
            id="another repository",
        ),
        pytest.param(
            replace(TERMS, key="https://mirror/key"),
            "the repository's signing key: none → https://mirror/key",
            id="another key",
        ),
        pytest.param(with_care(max_unavailable=3), "max_unavailable 2 → 3", id="more at once"),
        pytest.param(with_care(max_unavailable="25%"), "max_unavailable 2 → 25%", id="a share of them at once"),
        pytest.param(
            with_care(allows=("delete_emptydir_data", "force")), "drain allows more: force", id="a drain that forces"
        ),
        pytest.param(with_care(quarantines=2), "drain.max_quarantined 0 → 2", id="nodes left in quarantine"),
        pytest.param(
            with_care(drop_flags=("feature-gates", "v")), "drop_flags allows more: v", id="a flag more is dropped"
        ),
        pytest.param(
            with_care(ignores=("CreateJob", "SystemVerification")),
            "ignore_preflight_errors allows more: CreateJob",
            id="an error more is ignored",
        ),
        pytest.param(
            replace(TERMS, blocks=(FULL, Block("swap_off", "w2: swap is on"))),
            "preflight blocks: w2: swap is on",
            id="a finding that blocks",
        ),
        pytest.param(
            replace(TERMS, blocks=(replace(FULL, sentence=FULL.sentence.replace("w1", "w2")),)),
            "preflight blocks: w2: /dev/sda1 has 123 MiB free, and 768 MiB are needed: make room",
            id="the same of another node",
        ),
        pytest.param(
            replace(TERMS, warnings=("cordoned_before", "no_reboot_pending")),
            "preflight warns: cordoned before",
            id="a warning of another kind",
        ),
    ],
)  # fmt: skip
def test_what_matters_is_told_and_asked_again(now, sentence):
    assert sentence in difference(TERMS, now)
    assert not covers(TERMS, now)
    assert now.hash != TERMS.hash


@pytest.mark.parametrize(
    ("now", "begun"),
    [
        pytest.param(TERMS, (), id="nothing has changed"),
        pytest.param(replace(TERMS, hops=TERMS.hops[1:]), (), id="the first hop is done"),
        pytest.param(with_hop(workers=("w2", "w3")), (), id="a worker is done"),
        pytest.param(with_hop(workers=()), (), id="all workers of the hop are"),
        pytest.param(with_hop(came_from=Version.parse("1.29.15")), (), id="the control plane is there"),
        pytest.param(with_hop(control_plane=("cp2", "cp1", "cp3")), ("cp2",), id="a node that was begun with is first"),
        pytest.param(replace(TERMS, blocks=(), warnings=()), (), id="somebody has mended what was found"),
        pytest.param(with_care(max_unavailable=1), (), id="fewer at once"),
        pytest.param(with_care(allows=(), drop_flags=(), ignores=()), (), id="less is allowed"),
        pytest.param(
            replace(TERMS, blocks=(replace(FULL, sentence=FULL.sentence.replace("123", "119")),)), (),
            id="figures that change from look to look",
        ),
    ],
)  # fmt: skip
def test_the_rest_of_it_and_less_is_covered(now, begun):
    assert difference(TERMS, now, frozenset(begun)) == ()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("w1: /dev/sda1 has 123 MiB free", "w1: /dev/sda1 has 7 MiB free"),
        ("disk has 3.2 GiB free", "disk has 10 GiB free"),
        ("its clock is 35 s ahead of the others'", "its clock is 41 s ahead of the others'"),
        ("container runtime is down since 3m2s", "container runtime is down since 14m"),
        ("not Ready since 2026-11-25T20:00:00Z", "not Ready since 2026-11-25T20:00:09Z"),
        ("93% is used", "94 % is used"),
    ],
)
def test_a_figure_is_none_of_the_terms(one, other):
    assert masked(one).replace("# ", "#") == masked(other).replace("# ", "#") != one


@pytest.mark.parametrize(
    "sentence",
    [
        "demo-a-w7 is not Ready",
        "node-5m: swap is on",
        "kubelet 1.29.15-1.1 → 1.29.16-1.1",
        "Kubernetes 1.29 has had no fixes since 2025-02-28",
        "10.0.3.7 does not answer at port 22",
        "/dev/sda1 is mounted read-only",
    ],
)
def test_a_name_and_a_version_are(sentence):
    assert masked(sentence) == sentence


names = st.lists(st.sampled_from([f"n{number}" for number in range(9)]), unique=True).map(tuple)
versions = st.builds(Version, st.just(1), st.integers(28, 31), st.integers(0, 3))
hops = st.builds(
    HopTerms, versions, versions, names.filter(bool), names,
    st.dictionaries(st.sampled_from(["deb", "rpm"]), st.dictionaries(st.sampled_from(["kubelet"]), st.text())),
    st.lists(st.text(min_size=1), max_size=2).map(tuple),
)  # fmt: skip
several = st.lists(st.text(min_size=1), max_size=3).map(tuple)
cares = st.builds(Care, st.integers(1, 9) | st.sampled_from(["25%"]), several, several, several)
blocks = st.lists(st.builds(Block, st.text(min_size=1), st.text(min_size=1)), max_size=3).map(tuple)
terms = st.builds(
    Terms,
    st.lists(hops, min_size=1, max_size=3).map(tuple),
    st.text(),
    st.text(),
    cares,
    several,
    blocks,
    st.booleans(),
)


@settings(max_examples=100, deadline=None)
@given(terms)
def test_they_survive_json_and_a_yaml_that_knows_no_numbers(one):
    plain = json.loads(json.dumps(one.to_json()))
    assert Terms.from_json(plain) == one
    text = yaml.safe_dump(plain, sort_keys=False)
    read = Terms.from_json(yaml.load(text, Loader=yaml.BaseLoader))
    assert (read, read.hash) == (one, one.hash)


def test_who_agrees_to_any_time_agrees_to_a_window():
    assert covers(replace(TERMS, ignores_windows=True), TERMS)


def test_those_of_five_hundred_nodes_are_short():
    """A ConfigMap may have a megabyte, and holds more than this."""
    workers = tuple(f"ip-10-0-{number // 250}-{number % 250}.eu-central-1.compute.internal" for number in range(500))
    all_of_them = replace(TERMS, hops=tuple(hop(f"1.{m}.9", f"1.{m + 1}.9", workers=workers) for m in (28, 31, 34)))
    assert len(yaml.safe_dump(all_of_them.to_json(), default_flow_style=None)) < 120_000


@settings(max_examples=150, deadline=None)
@given(st.one_of(cases(workers=8), between_patches()), st.data())
def test_whatever_progress_a_run_makes_the_rest_is_covered(case, data):
    """Planned again at any moment of the path."""
    state, target, policy = case
    path = plan(state, target, policy, FACTS)
    approved = terms_of(CLUSTER, state, path)
    steps = sum(1 for _ in Replay(state, path, FACTS).steps())
    replay = Replay(state, path, FACTS)
    for _ in islice(replay.steps(), data.draw(st.integers(0, steps))):
        pass
    now = replay.now()
    again = plan(now, target, policy, FACTS)
    assert difference(approved, terms_of(CLUSTER, now, again), begun_in(now, again)) == ()


@settings(max_examples=100, deadline=None)
@given(cases(workers=6), st.data())
def test_whoever_joins_on_the_way_is_asked_about(case, data):
    """At any moment of it, as long as it is to move."""
    state, target, policy = case
    path = plan(state, target, policy, FACTS)
    assume(state.workers and len(path.hops) > 1)
    approved = terms_of(CLUSTER, state, path)
    joined = replace(data.draw(st.sampled_from(state.workers)), name="new")
    now = replace(state, nodes=(*state.nodes, joined))
    again = plan(now, target, policy, FACTS)
    told = difference(approved, terms_of(CLUSTER, now, again), begun_in(now, again))
    assert ("worker new is new" in told) == any("new" in hop.workers for hop in again.hops)


def test_a_run_can_make_its_hop_whoever_has_joined():
    """It is a later run's; but what it installs, and where, is fixed by its plan."""
    assert of_the_hop(TERMS, with_hop(workers=("w1", "w9"))) == ()
    assert of_the_hop(TERMS, with_hop(to=Version.parse("1.29.16"))) == ("the hop to 1.29: 1.29.15 → 1.29.16",)
    assert of_the_hop(TERMS, with_hop(control_plane=("cp1",))) != ()
