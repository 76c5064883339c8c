"""Planning a hop: the exact version, the order, and every reason against it."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubeadm_upgrade.errors import BadParameters, UpgradeRefused
from kubeadm_upgrade.hop import Hop
from kubeadm_upgrade.inventory import Cluster
from kubeadm_upgrade.plan import Wish, objections, plan_hop
from kubeadm_upgrade.state import NodeState, State
from kubeadm_upgrade.version import TargetVersion, Version

CLUSTER = Cluster("prod", "k", "s", TargetVersion.parse("1.29"), max_unavailable="50%")


def node(name, kubelet="1.28.15", apiserver=None, **changes):
    facts = {"ready": True, "schedulable": True, "cordoned_by_us": False} | changes
    return NodeState(
        name, apiserver is not None, Version.parse(kubelet), apiserver and Version.parse(apiserver), **facts
    )


def state(*nodes, version="1.28.15", offered=("1.29.9-1.1", "1.29.15-1.1")):
    published = dict.fromkeys(("kubeadm", "kubelet", "kubectl"), tuple(offered))
    return State(Version.parse(version), nodes, published)


def wish(target="1.29", **changes):
    return Wish(TargetVersion.parse(target), "run-1", **changes)


HEALTHY = (node("cp1", apiserver="1.28.15"), node("w1"), node("w2"))


@pytest.mark.parametrize(
    ("target", "offered", "package"),
    [
        pytest.param("1.29", ["1.29.9-1.1", "1.29.15-1.1"], "1.29.15-1.1", id="newest by version, not by text"),
        pytest.param("1.29.9", ["1.29.9-1.1", "1.29.15-1.1"], "1.29.9-1.1", id="exactly"),
        pytest.param(
            "1.29", ["1.29.15-1.1", "1.29.15-2.1", "1.29.15-10.1"], "1.29.15-10.1", id="newest revision, as a number"
        ),
        pytest.param("1.29", ["1.29.15-00", "1.29.15-01"], "1.29.15-01", id="revisions of the old repositories"),
        pytest.param("1.29", ["1.29.15"], "1.29.15", id="no revision at all"),
        pytest.param("1.29", ["1.29.15-1.1", "1.30.2-1.1"], "1.29.15-1.1", id="other minors in one repository"),
        pytest.param("1.29", ["1.29.15-1.1", "1.29.16~rc.1-1.1"], "1.29.15-1.1", id="no pre-release"),
        pytest.param("1.29", ["1.29.15-1.1", "2:1.29.16-1.1", "ours"], "1.29.15-1.1", id="what is no version"),
    ],
)
def test_the_exact_package_version_is_chosen(target, offered, package):
    """From what the repository offers."""
    assert plan_hop(CLUSTER, state(*HEALTHY, offered=offered), wish(target)).packages["kubelet"] == package


@pytest.mark.parametrize(
    ("target", "words"),
    [
        pytest.param("1.29.99", "does not offer version 1.29.99", id="exact"),
        pytest.param("1.31", "offers no version of 1.31", id="minor"),
    ],
)
def test_what_is_not_offered_is_refused(target, words):
    """Before anything else."""
    with pytest.raises(UpgradeRefused, match=words):
        plan_hop(CLUSTER, state(*HEALTHY), wish(target))


@pytest.mark.parametrize(
    ("found", "to", "words"),
    [
        pytest.param(
            state(*HEALTHY),
            "1.27.16",
            ["newer than 1.27.16: kubeadm does not go back", "kubelet on cp1"],
            id="downgrade",
        ),
        pytest.param(
            state(node("cp1", apiserver="1.29.15"), node("cp2", apiserver="1.28.15")),
            "1.29.10",
            ["control plane is at 1.29.15, newer than 1.29.10"],
            id="one node is ahead already",
        ),
        pytest.param(
            state(node("cp1", apiserver="1.29.15"), node("cp2", apiserver="1.28.15")),
            "1.28.16",
            ["control plane is at 1.29.15, newer than 1.28.16"],
            id="no way back from an interrupted hop",
        ),
        pytest.param(
            state(*HEALTHY), "1.30.14", ["moves one minor release at a time: ask for 1.29 first"], id="skips a minor"
        ),
        pytest.param(
            state(node("cp1", apiserver="1.28.1"), node("w1", "1.25.16")),
            "1.29.15",
            ["w1 is 1.25.16 and would be 4"],
            id="kubelet n-4",
        ),
        pytest.param(
            state(node("cp1", "1.26.15", "1.26.15"), node("w1", "1.24.17"), version="1.26.15"),
            "1.27.16",
            ["w1 is 1.24.17 and would be 3"],
            id="n-3 before 1.25",
        ),
        pytest.param(
            state(node("cp1", apiserver="1.28.1"), node("w1", "1.30.0")),
            "1.29.15",
            ["w1 is 1.30.0, newer"],
            id="kubelet newer",
        ),
        pytest.param(
            state(node("cp1", "1.21.14", "1.21.14"), version="1.21.14"),
            "1.22.17",
            ["supported from 1.22 on"],
            id="too old",
        ),
        pytest.param(
            state(node("cp1", apiserver="1.29.15"), node("cp2", apiserver="1.27.1"), version="1.29.15"),
            "1.29.15",
            ["at 1.27.1"],
            id="a control plane node left behind",
        ),
    ],
)
def test_reasons_against_a_hop(found, to, words):
    """Each a sentence with what to do; all at once."""
    reasons = list(objections(found, Version.parse(to)))
    assert all(any(word in reason for reason in reasons) for word in words), reasons


@pytest.mark.parametrize(
    ("found", "to"),
    [
        pytest.param(state(*HEALTHY), "1.29.15", id="next minor"),
        pytest.param(state(*HEALTHY), "1.28.15", id="nothing left to do"),
        pytest.param(state(node("cp1", apiserver="1.28.15"), node("w1", "1.26.0")), "1.29.15", id="kubelet n-3"),
        pytest.param(
            state(node("cp1", apiserver="1.29.15"), node("cp2", apiserver="1.28.15")), "1.29.15", id="interrupted"
        ),
        pytest.param(
            state(node("cp1", "1.29.15", "1.29.15"), node("w1"), version="1.29.15"), "1.29.15", id="workers left behind"
        ),
    ],
)
def test_ordinary_inputs_have_no_objection(found, to):
    """Interrupted upgrades and nodes left behind are among them."""
    assert list(objections(found, Version.parse(to))) == []


def test_order_and_numbers():
    """Ours that are cordoned first, then by name; a share of all workers, also when few are chosen."""
    workers = [
        node("w3"),
        node("w1"),
        node("w2", schedulable=False, cordoned_by_us=True),
        node("w4", schedulable=False),
    ]
    found = state(node("cp2", apiserver="1.28.15"), node("cp1", apiserver="1.28.15"), *workers)
    hop = plan_hop(CLUSTER, found, wish())
    assert (hop.first, hop.control_plane) == ("cp1", ("cp1", "cp2"))
    assert hop.workers == ("w2", "w1", "w3", "w4")
    assert hop.cordoned_before == ("w4",)
    assert hop.max_unavailable == 2
    assert plan_hop(CLUSTER, found, wish(nodes=("w3",))).workers == ("w3",)


def test_the_node_that_has_applied_stays_the_first():
    """Its apiserver has moved already."""
    found = state(node("cp1", apiserver="1.28.15"), node("cp2", apiserver="1.29.15"))
    assert plan_hop(CLUSTER, found, wish()).first == "cp2"


def test_unknown_workers_are_named():
    """With those that there are."""
    with pytest.raises(BadParameters, match="w9 is not a worker of this cluster; its workers are: w1, w2"):
        plan_hop(CLUSTER, state(*HEALTHY), wish(nodes=("w1", "w9")))


@given(st.permutations([*HEALTHY, node("w3", schedulable=False)]), st.booleans())
def test_a_hop_survives_the_border_and_the_order_of_its_input(nodes, dry_run):
    """JSON and back; the API may list nodes in any order."""
    hop = plan_hop(CLUSTER, state(*nodes), wish(dry_run=dry_run))
    assert Hop.from_json(json.loads(json.dumps(hop.to_json()))) == hop
    assert hop == plan_hop(CLUSTER, state(*sorted(nodes, key=lambda n: n.name)), wish(dry_run=dry_run))
    found = state(*nodes)
    assert State.from_json(json.loads(json.dumps(found.to_json()))) == found


@given(st.permutations([*HEALTHY, node("cp2", apiserver="1.28.15"), node("w3", schedulable=False)]), st.integers(0, 5))
def test_a_plan_made_again_on_the_way_is_the_same(nodes, upgraded):
    """However many nodes are done by then: same target, same order, same first node, no objection."""
    hop = plan_hop(CLUSTER, state(*nodes), wish())
    done = (*hop.control_plane, *hop.workers)[:upgraded]
    moved = [
        replace(
            found,
            kubelet=hop.to if hop.control_plane[-1] in done else found.kubelet,
            apiserver=found.apiserver and hop.to,
        )
        if found.name in done
        else found
        for found in nodes
    ]
    again = plan_hop(CLUSTER, state(*moved, version="1.29.15" if done else "1.28.15"), wish())
    came_from = hop.to if set(hop.control_plane) <= set(done) else hop.came_from
    assert again == replace(hop, came_from=came_from)
