"""Every reason against a plan, as its reader sees it: tests/golden/refusals."""

from __future__ import annotations

from dataclasses import replace

import pytest

from in_memory.golden import assert_golden
from in_memory.states import cluster, control_plane_node, release, releases, version, worker
from kubeadm_upgrade.errors import UpgradeRefused
from kubeadm_upgrade.outsiders import Outsider
from kubeadm_upgrade.planning.path import Policy
from kubeadm_upgrade.planning.plan import plan
from kubeadm_upgrade.planning.state import State
from kubeadm_upgrade.releases.known import releases as stock_releases
from kubeadm_upgrade.releases.release import Minimum, Needs, Patches, Reason
from kubeadm_upgrade.settings import Settings
from kubeadm_upgrade.version import TargetVersion

GATE = Needs(etcd=Minimum("3.5.40", "older members may not start again", "https://etcd.io/docs/"))
BAD = Patches(9, "made up", avoid={"1.30.9": Reason("it loses configuration", "made up")})
PACKAGES = ("1.28.9-1.1", "1.29.9-1.1", "1.31.9-1.1")


SAYS_NO_VERSION = "there is no version in the tag of"


def with_outsider(why: str, kubelet: str | None, **changes: object) -> State:
    """A cluster of 1.28 with one Node that is left as it is."""
    return cluster("1.28.9", outsiders=(Outsider("x1", why, kubelet and version(kubelet)),), **changes)


def pair(first: str, second: str, written_down: str) -> State:
    """Two control plane nodes at different versions."""
    nodes = (control_plane_node("cp1", first), control_plane_node("cp2", second), worker("w1", second))
    return State(version(written_down), nodes)


REFUSALS = {
    "downgrade": (cluster("1.30.4", "1.30.4"), "1.29", releases()),
    "downgrade-to-an-older-patch": (cluster("1.30.4"), "1.30.2", releases()),
    "apiservers-two-minors-apart": (pair("1.29.9", "1.27.3", "1.29.9"), "1.30", releases()),
    "older-than-we-know": (cluster("1.21.14", "1.21.14"), "1.22", releases()),
    "kubelet-newer-than-the-target": (cluster("1.28.9", "1.30.2", "1.30.2", "1.28.9"), "1.29", releases()),
    "no-facts": (cluster("1.36.9"), "1.38", releases()),
    "no-facts-on-the-way": (cluster("1.28.9"), "1.30", releases(without=[29])),
    "repository-skips-a-minor": (
        cluster(
            "1.28.9",
            published={"deb": {"kubeadm": PACKAGES}},
            unpublished={"1.30": "https://mirror.example.org/v1.30/ answers: 404"},
        ),
        "1.31",
        releases(),
    ),
    "target-not-published": (
        cluster(
            "1.28.9",
            published={"deb": {"kubeadm": PACKAGES}},
            unpublished={"1.32": "https://mirror.example.org/v1.32/ answers: 403  Forbidden"},
            asked=("1.28", "1.29", "1.30", "1.31", "1.32"),
        ),
        "1.32",
        releases(),
    ),
    "repository-not-asked": (
        cluster("1.28.9", published={"deb": {"kubeadm": PACKAGES[:2]}}, looked_at="2026-11-26T08:00:00+00:00"),
        "1.30",
        releases(),
    ),
    "repository-not-asked-for-this-patch": (
        cluster("1.29.9", published={"deb": {"kubeadm": PACKAGES[:2]}}, asked=("1.29",)),
        "1.30.4",
        releases(),
    ),
    "target-not-in-the-repository": (
        cluster("1.28.9", published={"deb": {"kubeadm": PACKAGES}}),
        "1.29.12",
        releases(),
    ),
    "target-known-as-bad": (cluster("1.29.9"), "1.30.9", releases(release(30, patches=BAD))),
    "etcd-below-its-gate": (cluster("1.28.9"), "1.31", releases(release(30, needs=GATE))),
    "etcd-pinned-below-its-gate": (
        cluster("1.29.9", etcd_pinned="3.5.29-0"),
        "1.30",
        releases(release(30, needs=GATE)),
    ),
    "etcd-pinned-to-a-tag-of-their-own": (
        cluster("1.29.9", etcd_pinned="ours"),
        "1.30",
        releases(release(30, needs=GATE)),
    ),
    "etcd-pinned-but-not-applied": (
        cluster("1.29.9", etcd_pinned="3.5.41-0"),
        "1.30",
        releases(release(30, needs=GATE)),
    ),
    "etcd-below-its-gate-in-mid-hop": (pair("1.30.9", "1.29.9", "1.29.9"), "1.31", releases(release(30, needs=GATE))),
    "etcd-below-its-gate-and-no-package": (
        cluster("1.29.9", published={"deb": {"kubeadm": ("1.30.9-1.1",)}}),
        "1.30",
        releases(release(30, needs=GATE)),
    ),
    "etcd-unknown": (
        replace(cluster("1.29.9"), nodes=(replace(control_plane_node("cp1", "1.29.9"), components={}),)),
        "1.30",
        releases(release(30, needs=GATE)),
    ),
    "hosts-on-cgroup-v1": (
        State(
            version("1.33.9"),
            (
                replace(
                    control_plane_node("cp1", "1.33.9", etcd="3.5.26"),
                    cgroup="v1",
                    settings=Settings(runs_on_cgroup_v1=True),
                ),
                worker("w1", "1.33.9", cgroup="v1"),
                worker("w2", "1.33.9", cgroup="v1"),
                worker("w3", "1.33.9", cgroup="v2"),
            ),
        ),
        "1.35",
        stock_releases(),
    ),
    "hosts-too-old": (
        State(
            version("1.25.9"),
            (
                control_plane_node("cp1", "1.25.9"),
                worker("w1", "1.25.9", runtime="containerd://1.4.13", kernel="4.18.0-553.el8_10.x86_64"),
                worker("w2", "1.25.9", runtime="containerd://Unknown", kernel="5.15.0-1034-aws"),
            ),
        ),
        "1.33",
        stock_releases(),
    ),
    "static-pod-by-digest": (
        cluster("1.29.9", unversioned=(f"{SAYS_NO_VERSION} etcd", f"{SAYS_NO_VERSION} kube-scheduler")),
        "1.30",
        releases(),
    ),
    "kube-proxy-left-behind": (
        State(
            version("1.30.9"),
            (control_plane_node("cp1", "1.30.9"), *(worker(f"w{n}", "1.28.9", "1.27.9") for n in range(8))),
        ),
        "1.31",
        releases(),
    ),
    "interrupted-with-a-kubelet-too-old": (
        State(
            version("1.26.9"),
            (
                control_plane_node("cp1", "1.27.9", "1.26.9"),
                control_plane_node("cp2", "1.26.9"),
                worker("w1", "1.25.3"),
            ),
        ),
        "1.28",
        releases(),
    ),
    "running-version-no-longer-offered": (
        cluster("1.27.3", "1.24.9", published={"deb": {"kubeadm": ("1.27.9-1.1", "1.28.9-1.1")}}),
        "1.28",
        releases(),
    ),
    "unlabelled-control-plane-node": (
        State(
            version("1.28.9"),
            (control_plane_node("cp1", "1.28.9"), replace(control_plane_node("cp2", "1.28.9"), control_plane=False)),
        ),
        "1.29",
        releases(),
    ),
    "no-control-plane-node-is-labelled": (
        State(version("1.28.9"), (replace(control_plane_node("cp1", "1.28.9"), control_plane=False),)),
        "1.29",
        releases(),
    ),
    "virtual-kubelet-too-old-for-kubeadm": (
        with_outsider("is a virtual kubelet", "1.19.10"),
        "1.29",
        releases(),
    ),
    "windows-worker-too-old-later": (with_outsider("runs Windows", "1.28.9"), "1.33", releases()),
    "kubelet-version-that-kubeadm-cannot-read": (with_outsider("reports no kubelet version", None), "1.29", releases()),
    "no-control-plane": (State(version("1.28.9"), (worker("w1", "1.28.9"),)), "1.29", releases()),
    "everything-at-once": (
        cluster("1.28.9", "1.31.2", published={"deb": {"kubeadm": ("1.28.9-1.1",)}}, asked=("1.28", "1.29", "1.30")),
        "1.30",
        releases(release(30, needs=GATE), without=[29]),
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_reads_well(name):
    """All reasons at once, each with what to do about it."""
    state, target, facts = REFUSALS[name]
    with pytest.raises(UpgradeRefused) as refused:
        plan(state, TargetVersion.parse(target), Policy(), facts)
    assert_golden(f"refusals/{name}.txt", "".join(f"{reason}\n" for reason in refused.value.reasons))


def test_workers_that_are_left_out_must_not_be_what_the_next_hop_breaks():
    """They are named, as are those that may move."""
    state = cluster("1.30.9", "1.30.9", "1.28.9", "1.27.9")
    with pytest.raises(UpgradeRefused) as refused:
        plan(state, TargetVersion.parse("1.32"), Policy(), releases(), frozenset({"w1"}))
    assert_golden("refusals/left-out.txt", "".join(f"{reason}\n" for reason in refused.value.reasons))


@pytest.mark.parametrize(
    ("state", "target", "facts"),
    [
        pytest.param(
            cluster("1.28.9", etcd_pinned="3.5.40-0"),
            "1.30",
            releases(release(30, needs=GATE)),
            id="etcd's gate will be passed on the way, by a tag that is fixed",
        ),
        pytest.param(cluster("1.28.9", "1.28.9"), "1.28.9", releases(), id="nothing left to do"),
        pytest.param(with_outsider("runs Windows", "1.28.9"), "1.31", releases(), id="a Windows worker not too old"),
        pytest.param(with_outsider("is a virtual kubelet", "1.40.0"), "1.29", releases(), id="a newer virtual one"),
        pytest.param(
            with_outsider("reports no kubelet version", None), "1.28.9", releases(), id="kubeadm is not asked"
        ),
        pytest.param(cluster("1.28.3", "1.28.3"), "1.28", releases(), id="only a patch"),
        pytest.param(cluster("1.29.9", "1.27.9", "1.29.9"), "1.29", releases(), id="workers left behind"),
        pytest.param(pair("1.29.9", "1.28.3", "1.29.9"), "1.29", releases(), id="interrupted after apply"),
        pytest.param(pair("1.29.9", "1.28.3", "1.28.3"), "1.30", releases(), id="interrupted within apply"),
        pytest.param(
            cluster("1.29.9", etcd_pinned="3.5.9-0"),
            "1.29",
            releases(release(30, needs=GATE)),
            id="gate beyond the target",
        ),
    ],
)
def test_ordinary_inputs_are_not_refused(state, target, facts):
    """Patches, workers left behind and interrupted upgrades are among them."""
    assert plan(state, TargetVersion.parse(target), Policy(), facts).hops
