"""etcd's gates: where a hop of its own passes one, and what becomes of the tag that it fixes."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from in_memory.states import cluster, control_plane_node, gated_releases, version, worker
from kubeadm_upgrade.errors import UpgradeRefused
from kubeadm_upgrade.planning.path import Policy
from kubeadm_upgrade.planning.plan import control_plane_order, plan
from kubeadm_upgrade.planning.plan_page import way
from kubeadm_upgrade.planning.state import State
from kubeadm_upgrade.releases.known import releases as known_releases
from kubeadm_upgrade.version import TargetVersion

GATES = Policy(pass_etcd_gates=True)
EAGER = replace(GATES, latest_patch_first=False)
GATED = gated_releases()  # 1.32 needs 3.6.35, which kubeadm 1.31.5 and later bring; 1.34 needs 3.6.50, which none does


def members(*etcd: str, runs: str = "1.33.9", workers: tuple[str, ...] = (), **changes: object) -> State:
    """A member of etcd on each control plane node."""
    nodes = [control_plane_node(f"cp{number}", runs, etcd=one) for number, one in enumerate(etcd, 1)]
    nodes += [worker(f"w{number}", kubelet, runs) for number, kubelet in enumerate(workers, 1)]
    return State(version(runs), tuple(nodes), **changes)


def ours(tag: str) -> dict[str, object]:
    return {"etcd_pinned": tag, "etcd_pin_is_ours": True}


def two_patches() -> State:
    """The control plane between two patches of one minor release."""
    nodes = (control_plane_node("cp1", "1.33.8", etcd="3.6.37"), control_plane_node("cp2", "1.33.3", etcd="3.6.37"))
    return State(version("1.33.3"), nodes)


def hops(state, target, policy=GATES, facts=GATED):
    """`1.33.9 +3.6.50-0: w1`, where a tag is fixed, and `1.34.9 -:` where it is taken out."""
    path = plan(state, TargetVersion.parse(target), policy, facts)
    return [
        f"{hop.to}{f' +{hop.etcd_pin}' if hop.etcd_pin else ''}{' -' if hop.lifts_etcd_pin else ''}: "
        f"{' '.join(hop.workers)}".rstrip()
        for hop in path.hops
    ]


@pytest.mark.parametrize(
    ("state", "target", "policy", "expected"),
    [
        pytest.param(members("3.6.37"), "1.34", GATES, ["1.33.9 +3.6.50-0:", "1.34.9 -:"], id="at the last version"),
        pytest.param(
            members("3.6.36", runs="1.32.9"), "1.34", GATES,
            ["1.33.9:", "1.33.9 +3.6.50-0:", "1.34.9 -:"],
            id="on the way",
        ),
        pytest.param(
            members("3.6.37", runs="1.33.3"), "1.34", GATES,
            ["1.33.9:", "1.33.9 +3.6.50-0:", "1.34.9 -:"],
            id="after the latest patch",
        ),
        pytest.param(
            members("3.6.37", runs="1.33.3"), "1.34", EAGER,
            ["1.33.3 +3.6.50-0:", "1.34.9 -:"],
            id="at the patch that runs",
        ),
        pytest.param(
            members("3.6.31", runs="1.31.3"), "1.32", GATES, ["1.31.9:", "1.32.9:"], id="kubeadm passes it by itself"
        ),
        pytest.param(
            members("3.6.31", runs="1.31.3"), "1.32", EAGER,
            ["1.31.3 +3.6.35-0:", "1.32.9 -:"],
            id="an older patch does not",
        ),
        pytest.param(two_patches(), "1.34", EAGER, ["1.33.8:", "1.33.8 +3.6.50-0:", "1.34.9 -:"], id="two patches"),
        pytest.param(
            members("3.6.37", runs="1.33.3", published={"deb": {"kubeadm": ("1.33.6-1.1", "1.34.9-1.1")}}),
            "1.34", EAGER,
            ["1.33.6:", "1.33.6 +3.6.50-0:", "1.34.9 -:"],
            id="what runs is offered no more",
        ),
        pytest.param(
            members("3.6.50", "3.6.37", **ours("3.6.50-0")), "1.34", GATES,
            ["1.33.9 +3.6.50-0:", "1.34.9 -:"],
            id="interrupted",
        ),
        pytest.param(
            members("3.6.37", "3.6.37", **ours("3.6.50-0")), "1.34", GATES,
            ["1.33.9 +3.6.50-0:", "1.34.9 -:"],
            id="interrupted before any member has moved",
        ),
        pytest.param(
            members("3.6.51", "3.6.37", **ours("3.6.51-0")), "1.34", GATES,
            ["1.33.9 +3.6.51-0:", "1.34.9 -:"],
            id="a tag of ours that is newer stays",
        ),
        pytest.param(
            members("3.6.45", "3.6.45", **ours("3.6.45-0")), "1.34", GATES,
            ["1.33.9 +3.6.50-0:", "1.34.9 -:"],
            id="one that is older is raised",
        ),
        pytest.param(members("3.6.50", **ours("3.6.50-0")), "1.34", GATES, ["1.34.9 -:"], id="behind it"),
        pytest.param(members("3.6.50"), "1.34", GATES, ["1.34.9:"], id="interrupted when the tag had been taken out"),
        pytest.param(
            members("3.6.50", "3.6.37", runs="1.33.3", **ours("3.6.50-0")), "1.34", GATES,
            ["1.33.9:", "1.34.9 -:"],
            id="a new patch has come, which deploys the tag; its own etcd is older",
        ),
        pytest.param(
            members("3.6.35", runs="1.31.3", **ours("3.6.35-0")), "1.31", GATES,
            ["1.31.9 -:"],
            id="a patch that brings as new an etcd takes the tag out",
        ),
        pytest.param(
            members("3.6.37", workers=("1.30.9", "1.33.9")), "1.34", GATES,
            ["1.33.9: w1", "1.33.9 +3.6.50-0:", "1.34.9 -: w1 w2"],
            id="workers move in the hops that they would move in",
        ),
        pytest.param(
            members("3.6.50", "3.6.37", workers=("1.30.9", "1.33.9"), **ours("3.6.50-0")), "1.34", GATES,
            ["1.33.9 +3.6.50-0: w1", "1.34.9 -: w1 w2"],
            id="an interrupted gate comes before nodes that were left behind",
        ),
        pytest.param(
            members("3.9.0", etcd_pinned="3.9.0-0"), "1.34", GATES, ["1.34.9:"], id="a tag of somebody else's passes it"
        ),
    ],
)  # fmt: skip
def test_a_gate_is_a_hop_of_its_own(state, target, policy, expected):
    """At the last version before it; the tag goes with the first hop whose kubeadm brings as new an etcd."""
    assert hops(state, target, policy) == expected


def test_the_gates_of_the_releases_that_we_know():
    """A stock cluster at 1.33 comes to 1.37 through two."""
    state = cluster("1.33.13", "1.33.13")
    path = plan(state, TargetVersion.parse("1.37"), GATES, known_releases())
    assert [(way(hop), hop.etcd_pin, hop.lifts_etcd_pin) for hop in path.hops if hop.etcd_work] == [
        ("stays at 1.33.13, etcd 3.5.9 → 3.5.26", "3.5.26-0", False),
        ("1.33.13 → 1.34.12", None, True),
        (f"stays at {path.hops[-1].came_from}, etcd 3.6.8 → 3.6.11", "3.6.11-0", False),
        (f"{path.hops[-1].came_from} → {path.target}", None, True),
    ]


@pytest.mark.parametrize("tag", ["3.6.37-0", "3.6.51-0", "ours"])
def test_a_tag_of_somebody_elses_is_never_changed(tag):
    """Leave to pass gates is no leave for that: it is refused in the same words."""

    def refusal(policy):
        with pytest.raises(UpgradeRefused) as refused:
            plan(members("3.6.37", etcd_pinned=tag), TargetVersion.parse("1.34"), policy, GATED)
        return refused.value.reasons

    assert refusal(GATES) == refusal(Policy())
    assert f"kubeadm-config fixes etcd at {tag} (etcd.local.imageTag)" in refusal(GATES)[0]


@pytest.mark.parametrize("target", ["1.32", "1.33", "1.34"])
@pytest.mark.parametrize("tag", ["3.9.0-0", "3.5.9-0"])
def test_a_tag_of_somebody_elses_is_named_in_every_plan(target, tag):
    """Where there is nothing to do, as well."""
    state = members("3.9.0", runs="1.32.9", etcd_pinned=tag)
    first, *others = plan(state, TargetVersion.parse(target), Policy(), GATED).hops
    assert f"kubeadm-config fixes etcd at {tag} (etcd.local.imageTag), which this tool did not set" in first.notes[0]
    assert not any("etcd.local" in note for hop in others for note in hop.notes)


def test_a_tag_of_ours_that_is_left_is_noted():
    """The target may lie before the hop that takes it out."""
    (hop,) = plan(members("3.6.50", **ours("3.6.50-0")), TargetVersion.parse("1.33"), Policy(), GATED).hops
    assert "kubeadm-config goes on fixing etcd at 3.6.50-0" in hop.notes[0]


def test_an_interrupted_gate_needs_leave_as_the_gate_did():
    """Policy is what the file says now."""
    with pytest.raises(UpgradeRefused, match=r"set path\.pass_etcd_gates: true in the inventory"):
        hops(members("3.6.50", "3.6.37", **ours("3.6.50-0")), "1.34", Policy())


def test_a_worker_that_an_earlier_run_has_drained_moves_with_the_gate():
    """It is the path's first hop."""
    state = members("3.6.37", workers=("1.32.9", "1.32.9"))
    drained = tuple(replace(node, cordoned_by_us=node.name == "w1") for node in state.nodes)
    assert hops(replace(state, nodes=drained), "1.34") == ["1.33.9 +3.6.50-0: w1", "1.34.9 -: w2 w1"]


def test_the_member_that_has_moved_was_the_first_and_stays_the_first():
    """Within the gate only: behind it, the order is that of every hop."""
    state = members("3.6.37", "3.6.50", **ours("3.6.50-0"))
    assert [node.name for node in control_plane_order(state, version("1.33.9"))] == ["cp2", "cp1"]
    assert [node.name for node in control_plane_order(state, version("1.34.9"))] == ["cp1", "cp2"]


def test_the_name_of_a_plan_tells_a_gate():
    """Approval of one is none of the other."""
    settled, gated = (plan(members(runs), TargetVersion.parse("1.34"), GATES, GATED) for runs in ("3.6.50", "3.6.37"))
    lifting = plan(members("3.6.50", **ours("3.6.50-0")), TargetVersion.parse("1.34"), GATES, GATED)
    assert len({settled.hash, gated.hash, lifting.hash}) == 3


def test_what_was_asked_goes_through_json():
    """A state from before knows what it was answered."""
    state = replace(
        members("3.6.50"),
        published={"deb": {"kubeadm": ("1.33.9-1.1",)}},
        unpublished={"1.35": "404"},
        asked=("1.33", "1.34", "1.35"),
    )
    plain = json.loads(json.dumps(state.to_json()))
    assert State.from_json(plain) == state
    assert [state.was_asked(release) for release in ("1.33", "1.34", "1.35", "1.36")] == [True, True, True, False]
    del plain["asked"]
    old = State.from_json(plain)
    assert [old.was_asked(release) for release in ("1.33", "1.34", "1.35", "1.36")] == [True, False, True, False]


def test_whose_tag_it_is_goes_through_json():
    """A state from before is of somebody else's tag."""
    state = members("3.6.50", **ours("3.6.50-0"))
    plain = json.loads(json.dumps(state.to_json()))
    assert State.from_json(plain) == state
    del plain["etcd_pin_is_ours"]
    assert not State.from_json(plain).etcd_pin_is_ours
