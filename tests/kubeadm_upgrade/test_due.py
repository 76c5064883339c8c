"""Whether a run that nobody has started has anything to do: only what was seen to be well is nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from in_memory.states import control_plane_node, releases, version, worker
from kubeadm_upgrade.assignment import RunId
from kubeadm_upgrade.due import aborted_since, left_to_do
from kubeadm_upgrade.inventory import Cluster
from kubeadm_upgrade.ledger.ledger import Holder, Ledger
from kubeadm_upgrade.next_hop import Wish, path_for
from kubeadm_upgrade.planning.state import State
from kubeadm_upgrade.version import TargetVersion

AT = "1.29.15"
CP1, CP2, W1 = control_plane_node("cp1", AT), control_plane_node("cp2", AT), worker("w1", AT)
OFFERED = ("1.28.15-1.1", "1.29.15-1.1")


def state(*nodes, runs=AT, offered=OFFERED, **changes):
    published = {"deb": dict.fromkeys(("kubeadm", "kubelet", "kubectl"), tuple(offered))}
    return State(version(runs), nodes, published, **changes)


def left(found, target="1.29"):
    cluster = Cluster("prod", "k", "s", TargetVersion.parse(target))
    path = path_for(cluster, found, Wish(cluster.target_version), releases())
    return list(left_to_do(found, path))


@pytest.mark.parametrize("target", ["1.29", AT])
def test_a_cluster_that_is_where_it_is_to_be_has_nothing_to_do(target):
    assert left(state(CP1, CP2, W1), target) == []


@pytest.mark.parametrize(
    ("found", "first"),
    [
        pytest.param(
            state(CP1, CP2, W1, offered=(*OFFERED, "1.29.16-1.1")),
            "the cluster is at 1.29.15, not 1.29.16",
            id="a new patch in the repository",
        ),
        pytest.param(
            state(CP1, CP2, W1, runs="1.28.15"), "the cluster is at 1.28.15, not 1.29.15", id="kubeadm-config"
        ),
        pytest.param(
            state(CP1, control_plane_node("cp2", AT, "1.28.15"), W1),
            "cp2 runs kubelet 1.28.15, not 1.29.15",
            id="a kubelet of the control plane",
        ),
        pytest.param(
            state(CP1, CP2, worker("w1", "1.28.15", AT)), "w1 runs kubelet 1.28.15, not 1.29.15", id="a worker"
        ),
        pytest.param(
            state(CP1, control_plane_node("cp2", AT, kube_scheduler="1.28.15"), W1),
            "cp2 runs kube-scheduler 1.28.15, not 1.29.15",
            id="a component",
        ),
        pytest.param(
            state(CP1, replace(CP2, components={**CP2.components, "kube-apiserver": version("1.28.15")}), W1),
            "cp2 runs kube-apiserver 1.28.15, not 1.29.15",
            id="an apiserver that an interrupted run has not come to",
        ),
        pytest.param(state(CP1, CP2, replace(W1, ready=False)), "w1 is not Ready", id="not Ready"),
        pytest.param(
            state(CP1, CP2, replace(W1, schedulable=False, cordoned_by_us=True)),
            "an earlier run has left w1 cordoned",
            id="cordoned by an earlier run",
        ),
        pytest.param(
            state(CP1, CP2, replace(W1, holds_slot=True)),
            "an earlier run has left w1 out of service",
            id="a slot, of a node that looks well",
        ),
        pytest.param(
            state(CP1, CP2, W1, etcd_pinned="3.5.9-0", etcd_pin_is_ours=True),
            "etcd",
            id="our pin of etcd is still there",
        ),
    ],
)
def test_anything_else_is_something_to_do(found, first):
    """Also what no run would mend: the tasks after this one tell it."""
    assert first in left(found)[0]


def test_a_component_that_is_missing_is_at_no_target():
    without = {name: at for name, at in CP2.components.items() if name != "kube-controller-manager"}
    whole = state(CP1, CP2, W1)
    path = path_for(
        Cluster("prod", "k", "s", TargetVersion.parse("1.29")), whole, Wish(TargetVersion.parse("1.29")), releases()
    )
    found = state(CP1, replace(CP2, components=without), W1)
    assert list(left_to_do(found, path)) == ["cp2 runs no kube-controller-manager"]


DUE = datetime(2026, 11, 29, 21, 0, tzinfo=UTC)
SATURDAYS = RunId("scheduled__2026-11-28")


def aborted(released, why="too slow, asked by ann"):
    return Ledger(Holder(SATURDAYS, DUE - timedelta(days=1), released), aborted=why)


@pytest.mark.parametrize(
    ("ledger", "is_meant"),
    [
        pytest.param(aborted(DUE + timedelta(minutes=90)), True, id="in this window"),
        pytest.param(aborted(DUE), True, id="as it opened"),
        pytest.param(aborted(DUE - timedelta(seconds=1)), False, id="before it: the next window is to go on"),
        pytest.param(aborted(None), False, id="and has not ended"),
        pytest.param(aborted(DUE + timedelta(minutes=90), None), False, id="ended, and not aborted"),
        pytest.param(Ledger(aborted="too slow"), False, id="of no run"),
    ],
)
def test_what_somebody_has_aborted_does_not_begin_again_by_itself_in_the_same_window(ledger, is_meant):
    """A window opens no run while one is under way, and its own as soon as that has ended: by an abort, too."""
    said = aborted_since(ledger, DUE)
    assert (said is not None) is is_meant
    assert said in (None, "Not begun: run scheduled__2026-11-28 was aborted in this window (too slow, asked by ann)")
