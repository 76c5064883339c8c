"""Proving the result: every way in which a cluster may not be what was promised."""

from __future__ import annotations

from dataclasses import replace

import pytest

from in_memory.examples import EARLIER, NEW, NOW, OLD, RUN, a_control_plane, a_ledger, node_of, static_pods
from kubeadm_upgrade.drain.to_come import TAINT
from kubeadm_upgrade.ledger.ledger import Ledger
from kubeadm_upgrade.verify import Result, joined, left_behind, shortcomings, still_to_do, unsettled
from kubeadm_upgrade.version import Version

LATER = replace(RUN, dag_run="run-2")


@pytest.fixture
def result(hop):
    """A cluster after a hop."""
    nodes = tuple(replace(node_of(hop, name), kubelet=NEW) for name in (*hop.control_plane, *hop.workers))
    return Result(nodes, a_control_plane(hop, NEW), a_ledger())


def node(result, name="w1", **changes):
    return replace(result, nodes=tuple(replace(n, **changes) if n.name == name else n for n in result.nodes))


def plane(result, **changes):
    return replace(result, control_plane=replace(result.control_plane, **changes))


def without(result, name):
    return replace(result, nodes=tuple(n for n in result.nodes if n.name != name))


def ledger(result, **changes):
    return replace(result, ledger=replace(result.ledger, **changes))


def test_what_was_promised_has_no_shortcoming(hop, result):
    """All at the target."""
    assert (list(shortcomings(hop, RUN, result)), list(unsettled(hop, result)), joined(hop, result)) == ([], [], ())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(lambda r: node(r, kubelet=OLD), "w1 runs kubelet 1.28.15, not 1.29.15", id="old"),
        pytest.param(
            lambda r: ledger(node(r, kubelet=OLD), given_up={"w1": "its disk"}),
            "w1 runs kubelet 1.28.15, not 1.29.15 (given up: its disk)",
            id="given up is not done",
        ),
        pytest.param(
            lambda r: node(r, unschedulable=True, cordoned_by="prod/v1.29.15"), "w1 is still cordoned", id="cordoned"
        ),
        pytest.param(
            lambda r: node(r, taints=({"key": TAINT, "effect": "PreferNoSchedule"},)),
            "w1 still has the taint of a node to come: the next run takes it off, or kubectl taint nodes w1 ",
            id="marked",
        ),
        pytest.param(lambda r: plane(r, cluster_version=OLD), "kubeadm-config says 1.28.15", id="not written down"),
        pytest.param(
            lambda r: replace(r, ledger=r.ledger.taken("w1", "worker", RUN, NOW)),
            "w1 still holds a worker slot",
            id="a slot",
        ),
    ],
)
def test_a_shortcoming_is_a_sentence(hop, result, change, words):
    """What is not as promised and never will be by itself, and where."""
    assert [s for s in shortcomings(hop, RUN, change(result)) if s.startswith(words)]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda r: node(r, kubelet=Version(1, 30, 1)), id="a kubelet that has gone further"),
        pytest.param(lambda r: plane(r, cluster_version=Version(1, 30, 1)), id="a control plane that has gone further"),
        pytest.param(
            lambda r: replace(
                node(r, unschedulable=True, cordoned_by="prod/v1.30.1"),
                ledger=r.ledger.taken("w1", "worker", EARLIER, NOW),
            ),
            id="a node that another run is at work on",
        ),
    ],
)
def test_what_came_after_breaks_no_promise(hop, result, change):
    """A run that kept its promise may be asked again when the cluster has moved on."""
    assert list(shortcomings(hop, RUN, change(result))) == []


@pytest.mark.parametrize("name", ["cp1", "cp2"])
def test_static_pods_that_have_not_moved_are_a_shortcoming(hop, result, name):
    pods = tuple(
        replace(p, image_tag=OLD.tag) if p.node == name and p.component == "kube-scheduler" else p
        for p in result.control_plane.static_pods
    )
    found = list(shortcomings(hop, RUN, plane(result, static_pods=pods)))
    assert found == [f"the static Pods of {name} are not all at v1.29.15"]


def test_an_etcd_that_was_to_be_fixed_and_is_not_is_a_shortcoming(hop, result):
    """The hop through a gate promises etcd's version."""
    found = list(shortcomings(replace(hop, etcd_pin="3.5.26-0"), RUN, result))
    assert found == [f"the static Pods of {name} are not all at v1.29.15" for name in ("cp1", "cp2")]


def test_a_node_that_lost_its_label_and_runs_an_old_apiserver_is_a_shortcoming(hop, result):
    """Nothing is done for being called a worker (I11)."""
    pods = tuple(replace(p, image_tag=OLD.tag) if p.node == "cp2" else p for p in result.control_plane.static_pods)
    lost = plane(result, static_pods=pods, nodes_ready={"cp1": True}, unlabelled={"cp2": ("kube-apiserver",)})
    found = list(shortcomings(hop, RUN, node(lost, "cp2", control_plane=False)))
    assert found == ["the static Pods of cp2 are not all at v1.29.15"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(lambda r: node(r, ready=False, ready_reason="R"), "w1 is not Ready (R)", id="a node"),
        pytest.param(lambda r: plane(r, failing_checks=("etcd",)), "readyz check etcd fails", id="a check"),
        pytest.param(
            lambda r: plane(r, static_pods=r.control_plane.static_pods[1:]), "etcd on cp1 is missing", id="a Pod"
        ),
    ],
)
def test_what_is_mostly_well_a_little_later_is_waited_for(hop, result, change, words):
    """A path over two minors stopped in the verify of its first hop, for the seconds of a restart."""
    assert list(shortcomings(hop, RUN, change(result))) == []
    assert list(unsettled(hop, change(result))) == [words]


@pytest.mark.parametrize("name", ["w2", "cp2"])
def test_a_node_that_was_removed_was_promised_nothing(hop, result, name):
    """Deleted from the cluster in mid-run."""
    gone = without(result, name)
    pods = tuple(pod for pod in static_pods(hop, NEW) if pod.node != name)
    ready = {node: True for node in hop.control_plane if node != name}
    gone = plane(gone, static_pods=pods, nodes_ready=ready)
    assert (list(shortcomings(hop, RUN, gone)), list(unsettled(hop, gone))) == ([], [])


@pytest.mark.parametrize(
    ("name", "kubelet", "told"),
    [
        pytest.param("w9", OLD, ("w9",), id="older"),
        pytest.param("w9", NEW, (), id="at the target already"),
        pytest.param("w3", OLD, (), id="one that was left out"),
    ],
)
def test_who_has_joined_and_is_old_is_told(hop, result, name, kubelet, told):
    """Not upgraded, and not silently done either: the next run takes it."""
    hop = replace(hop, others=("w3",))
    more = replace(result, nodes=(*result.nodes, replace(node_of(hop, name), kubelet=kubelet)))
    assert joined(hop, more) == told
    assert list(shortcomings(hop, RUN, more)) == []


def test_a_control_plane_node_that_joined_with_an_old_apiserver_is_told(hop, result):
    """Its kubelet is new already: the version that is installed and the one that kubeadm join brings may differ."""
    old = tuple(replace(pod, node="cp9") for pod in static_pods(hop, OLD) if pod.node == "cp1")
    more = plane(result, static_pods=(*static_pods(hop, NEW), *old))
    more = replace(more, nodes=(*more.nodes, replace(node_of(hop, "cp9"), kubelet=NEW, control_plane=True)))
    assert joined(hop, more) == ("cp9",)


def test_a_promise_that_was_kept_stays_kept_when_the_cluster_goes_further(hop, result):
    """A run of long ago is asked again, while a later one of the same path is at work on w1."""
    later = replace(NEW, minor=30)
    further = replace(plane(result, static_pods=static_pods(hop, later), cluster_version=later), ledger=a_ledger(LATER))
    further = node(node(further, "cp1", kubelet=later), unschedulable=True, cordoned_by="prod/v1.30.15")
    further = replace(further, ledger=further.ledger.taken("w1", "worker", LATER, NOW))
    assert list(shortcomings(hop, RUN, further)) == []
    behind = plane(further, static_pods=(*static_pods(hop, later)[:-1], static_pods(hop, OLD)[-1]))
    assert list(shortcomings(hop, RUN, behind)) == ["the static Pods of cp2 are not all at v1.29.15"]


def test_what_was_so_before_is_none(hop, result):
    """A node cordoned by somebody else, a slot of a node that was not in this run, a cluster that nobody holds."""
    assert list(shortcomings(hop, RUN, node(result, unschedulable=True))) == []
    other = replace(result, ledger=result.ledger.taken("w9", "worker", RUN, NOW))
    assert list(shortcomings(hop, RUN, other)) == []
    assert list(shortcomings(hop, RUN, replace(result, ledger=Ledger()))) == []


def gate(group, *names):
    return [
        {"step": "admit", "group": group, "node": name, "status": "left", "details": ["to be continued: x"]}
        for name in names
    ]


@pytest.mark.parametrize(
    ("outcomes", "planes", "kubelets"),
    [
        pytest.param([], set(), set(), id="nothing"),
        pytest.param(gate("workers", "w2"), set(), {"w2"}, id="a worker"),
        pytest.param(
            gate("control_plane_kubelets", "cp2"), set(), {"cp2", "w1", "w2"}, id="a kubelet, and all workers"
        ),
        pytest.param(
            gate("control_plane", "cp2"), {"cp2"}, {"cp1", "cp2", "w1", "w2"}, id="an apiserver, and all after"
        ),
        pytest.param(
            [{"step": "admit", "group": "workers", "node": "w1", "status": "changed"}], set(), set(), id="let in"
        ),
    ],
)
def test_what_the_gates_have_left_and_what_comes_after_it(hop, outcomes, planes, kubelets):
    left = left_behind(hop, outcomes)
    assert (left.planes, left.kubelets, bool(left)) == (planes, kubelets, bool(outcomes and kubelets))


def test_what_was_left_is_no_shortcoming(hop, result):
    old = node(result, kubelet=OLD)
    left = left_behind(hop, gate("workers", "w1"))
    assert list(shortcomings(hop, RUN, old, left)) == []
    assert still_to_do(hop, old, left) == ("w1",)
    assert still_to_do(hop, result, left) == ()


@pytest.mark.parametrize(
    ("changes", "slot", "words"),
    [
        pytest.param({"name": "w2", "kubelet": OLD}, False, "w2 runs kubelet", id="another is not at the target"),
        pytest.param({"cordoned_by": "prod/v1.29.15"}, False, "w1 is still cordoned", id="it was begun with"),
        pytest.param({}, True, "w1 still holds a worker slot", id="its slot"),
    ],
)
def test_nothing_else_passes_for_what_was_left(hop, result, changes, slot, words):
    """Invariant I11: whoever was begun with is finished, or told."""
    found = node(node(result, kubelet=OLD), **{"name": "w1", **changes})
    if slot:
        found = replace(found, ledger=found.ledger.taken("w1", "worker", RUN, NOW))
    (said,) = shortcomings(hop, RUN, found, left_behind(hop, gate("workers", "w1")))
    assert said.startswith(words)


def test_a_control_plane_that_was_not_begun_with_is_left_as_a_whole(hop, result):
    before = replace(result, control_plane=a_control_plane(hop, OLD))
    before = replace(before, nodes=tuple(replace(one, kubelet=OLD) for one in before.nodes))
    left = left_behind(hop, gate("control_plane", "cp1", "cp2"))
    assert list(shortcomings(hop, RUN, before, left)) == []
    assert still_to_do(hop, before, left) == ("cp1", "cp2", "w1", "w2")
