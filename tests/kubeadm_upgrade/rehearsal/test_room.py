"""Whether there is room: what kube-scheduler would say, and never more than can be known."""

from __future__ import annotations

from copy import deepcopy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from in_memory.a_scheduler import binds
from in_memory.rehearsed import HOST, ZONE, apart, near, node, on_nodes, pod, rehearsed, seen, spread, told
from kubeadm_upgrade.rehearsal.finding import Kind

MAKE_ROOM = ": make room, or what keeps it from other nodes less strict"
W = ("w1", "w2", "w3")
GPU = {"key": "gpu", "value": "yes", "effect": "NoSchedule"}
SOFT = {"key": "kubeadm-fleet.io/to-be-upgraded", "effect": "PreferNoSchedule"}
MINE = [{"key": "gpu", "operator": "Equal", "value": "yes"}]
DEVICE = "example.org/gpu"


def of_w1(*there, nodes=None, **more):
    """What is said of the first node, without what to do."""
    said = told(seen(nodes or [node(name) for name in W], list(there), **more), "w1")
    return [one.removesuffix(MAKE_ROOM) for one in said]


@pytest.mark.parametrize(
    ("one", "nodes", "why"),
    [
        pytest.param(pod("p", "w1", "4"), None, None, id="it fits exactly"),
        pytest.param(
            pod("p", "w1", "4001m"), None, "1 node(s) were unschedulable, 2 Insufficient cpu", id="a bit more"
        ),
        pytest.param(
            pod("p", "w1", container={"resources": {"requests": {"cpu": "5", "memory": "17Gi"}}}),
            None,
            "1 node(s) were unschedulable, 2 Insufficient cpu, 2 Insufficient memory",
            id="of both",
        ),
        pytest.param(
            pod("p", "w1", container={"resources": {"requests": {DEVICE: "1"}}}),
            [node("w1", allocatable={DEVICE: "2"}), node("w2"), node("w3")],
            f"1 node(s) were unschedulable, 2 Insufficient {DEVICE}",
            id="devices of which other nodes have none",
        ),
        pytest.param(
            pod("p", "w1"),
            [node("w1"), node("w2", pods="0")],
            "1 Too many pods, 1 node(s) were unschedulable",
            id="no more Pods",
        ),
        pytest.param(
            pod("p", "w1", initContainers=[{"name": "i", "resources": {"requests": {"cpu": "5"}}}]),
            None,
            "1 node(s) were unschedulable, 2 Insufficient cpu",
            id="its init container asks for more than it does",
        ),
        pytest.param(
            pod("p", "w1", "2", initContainers=[{"name": "i", "resources": {"requests": {"cpu": "3"}}}]),
            None,
            None,
            id="an init container runs before, and not beside",
        ),
        pytest.param(
            pod(
                "p",
                "w1",
                "2",
                initContainers=[{"name": "i", "restartPolicy": "Always", "resources": {"requests": {"cpu": "3"}}}],
            ),
            None,
            "1 node(s) were unschedulable, 2 Insufficient cpu",
            id="a sidecar runs beside",
        ),
        pytest.param(
            pod("p", "w1", "3", overhead={"cpu": "1500m"}),
            None,
            "1 node(s) were unschedulable, 2 Insufficient cpu",
            id="what its runtime needs beside",
        ),
        pytest.param(
            pod("p", "w1", resources={"requests": {"cpu": "5"}}),
            None,
            "1 node(s) were unschedulable, 2 Insufficient cpu",
            id="what the Pod as a whole asks",
        ),
        pytest.param(
            pod("p", "w1"),
            [node("w1"), node("w2", taints=[GPU]), node("w3", unschedulable=True)],
            "1 node(s) had untolerated taint {gpu: yes}, 2 node(s) were unschedulable",
            id="a taint, and a node that somebody has cordoned",
        ),
        pytest.param(
            pod("p", "w1", tolerations=MINE), [node("w1"), node("w2", taints=[GPU])], None, id="a taint that it bears"
        ),
        pytest.param(pod("p", "w1"), [node("w1"), node("w2", taints=[SOFT])], None, id="a soft taint"),
        pytest.param(
            pod("p", "w1", nodeSelector={"disk": "fast"}),
            [node("w1", labels={"disk": "fast"}), node("w2")],
            "1 node(s) didn't match Pod's node affinity/selector, 1 node(s) were unschedulable",
            id="a selector",
        ),
        pytest.param(
            pod("p", "w1", affinity=on_nodes("cores", "8", operator="Gt")),
            [node("w1"), node("w2", labels={"cores": "8"}), node("w3", labels={"cores": "16"})],
            None,
            id="an affinity by numbers",
        ),
        pytest.param(
            pod("p", "w1", container={"ports": [{"hostPort": 80, "containerPort": 80}]}),
            [node("w1"), node("w2")],
            None,
            id="a port that is free",
        ),
    ],
)
def test_a_pod_by_itself(one, nodes, why):
    """Against each filter of the scheduler in turn."""
    nodes = nodes or [node(name) for name in W]
    wanted = f"no-room: w1: pod shop/p would find no place: 0/{len(nodes)} nodes are available: {why}"
    assert of_w1(one, nodes=nodes) == ([wanted] if why else [])


def test_a_port_of_the_host_that_another_has():
    port = {"ports": [{"hostPort": 80, "containerPort": 80}]}
    there = [pod(f"p-{name}", name, app=name, container=port) for name in W]
    (said,) = of_w1(*there)
    assert said.endswith("1 node(s) were unschedulable, 2 node(s) didn't have free ports for the requested pod ports")


@pytest.mark.parametrize(
    ("there", "why"),
    [
        pytest.param(
            [pod("p", "w1", app="p"), *(pod(f"shy-{n}", n, app="shy", affinity=apart("p")) for n in ("w2", "w3"))],
            "no-room: w1: pod shop/p would find no place: 0/3 nodes are available: 1 node(s) were unschedulable, "
            "2 node(s) didn't satisfy existing pods anti-affinity rules",
            id="kept away by those that are there",
        ),
        pytest.param(
            [pod("p", "w1", app="p", affinity=near("db")), pod("db", "w1", app="db", affinity=on_nodes(HOST, "w2"))],
            None,
            id="with whom it wants to be goes as well",
        ),
        pytest.param(
            [pod("p", "w1", app="p", affinity=near("db")), pod("db", "w1", app="db", owner="DaemonSet")],
            "little-room: w1: pod shop/p may find no place: 0/3 nodes are available: 1 node(s) were unschedulable, "
            "2 node(s) didn't match pod affinity rules",
            id="with whom it wants to be is nowhere else",
        ),
        pytest.param(
            [pod("p", "w1", app="p", affinity=near("p"))], None, id="the first of those that want to be together"
        ),
        pytest.param(
            [pod("p", "w1", app="p", topologySpreadConstraints=spread("p", "rack"))],
            "little-room: w1: pod shop/p may find no place: 0/3 nodes are available: 1 node(s) were unschedulable, "
            "2 node(s) didn't match pod topology spread constraints (missing required label)",
            id="spread over a label that no other node has",
        ),
        pytest.param(
            [pod("p", "w1", app="p", affinity=apart("q", namespaceSelector={"matchLabels": {"a": "b"}}))],
            None,
            id="namespaces by their labels are not looked at",
        ),
    ],
)
def test_a_pod_among_others(there, why):
    """w1 has a rack."""
    nodes = [node("w1", labels={"rack": "r1"}), node("w2"), node("w3")]
    assert of_w1(*there, nodes=nodes) == ([why] if why else [])


def test_whoever_is_stronger_may_push_others_aside():
    """So it is not said that there is no place; and one that never does has none."""
    weak = [pod(f"weak-{name}", name, "3", app="weak") for name in ("w2", "w3")]
    (said,) = of_w1(pod("strong", "w1", "2", app="strong", priority=1000), *weak)
    assert said.startswith("little-room: w1: pod shop/strong may find no place: ")
    (said,) = of_w1(pod("strong", "w1", "2", app="strong", priority=1000, preemptionPolicy="Never"), *weak)
    assert said.startswith("no-room: ")


def test_what_goes_anyway_takes_no_room():
    """A finished Pod, and one that is terminating."""
    done = pod("done", "w2", "4", app="done", phase="Succeeded")
    going = pod("going", "w3", "4", app="going")
    going["metadata"] |= {"deletionTimestamp": "2026-11-27T00:00:30Z", "deletionGracePeriodSeconds": 30}
    assert of_w1(pod("p", "w1", "4"), done, going) == []


def test_together_there_is_less_room_than_one_by_one():
    """Each of two nodes could be drained; both at once, there is no place for all: told once, of the two."""
    there = seen([node(name, "4") for name in W], [pod(f"p-{name}", name, "2", app=name) for name in W])
    assert told(there, "w1", "w2") == []
    (said,) = told(there, "w1", "w2", at_once=2)
    assert said.startswith("little-room: w1, w2 out together: pod shop/p-w2 may find no place once others have theirs")
    assert "1 Insufficient cpu, 2 node(s) were unschedulable" in said


def test_volumes_that_were_not_looked_at_are_told():
    claim = [{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]
    there = seen([node(name) for name in W], [pod("db", "w1", volumes=claim)])
    unseen = type(there)(**{**vars(there), "volumes": None})
    (said,) = rehearsed(unseen, "w1").unjudged
    assert (
        said == "whether there is room for 1 Pod (shop/db): has volumes, and where they can be used was not looked at"
    )


def test_another_schedulers_pods_are_its_own_affair():
    found = rehearsed(seen([node(name) for name in W], [pod("p", "w1", "99", schedulerName="volcano")]), "w1")
    assert found.found == ()
    assert found.unjudged == ("whether there is room for 1 Pod (shop/p): is placed by volcano",)


ZONES = st.sampled_from(("a", "b"))
APPS = st.sampled_from(("web", "api", "db"))


@st.composite
def clusters(draw):
    """A few nodes and what runs on them, within what they have."""
    names = [f"w{number}" for number in range(1, draw(st.integers(2, 4)) + 1)]
    taints = st.sampled_from(([], [], [GPU], [SOFT]))
    nodes = [node(name, draw(st.sampled_from("234")), zone=draw(ZONES), taints=draw(taints)) for name in names]
    wishes = st.sampled_from(("none", "none", "apart", "spread", "selector", "bears"))
    pods = []
    for number in range(draw(st.integers(1, 8))):
        app = draw(APPS)
        more = {
            "none": {},
            "apart": {"affinity": apart(app, draw(st.sampled_from((HOST, ZONE))))},
            "spread": {"topologySpreadConstraints": spread(app, draw(st.sampled_from((HOST, ZONE))))},
            "selector": {"nodeSelector": {ZONE: draw(ZONES)}},
            "bears": {"tolerations": [{"key": "gpu", "operator": "Exists"}]},
        }[draw(wishes)]
        cpu = draw(st.sampled_from(("0", "500m", "1", "2")))
        pods.append(pod(f"p{number}", draw(st.sampled_from(names)), cpu, app=app, **deepcopy(more)))
    return nodes, pods


@given(clusters())
def test_what_is_said_to_find_no_place_finds_none(cluster):
    """By a scheduler of the tests' own, with the others of its node gone or already placed wherever they may be."""
    nodes, pods = cluster
    for found in rehearsed(seen(nodes, pods)).found:
        if found.kind is Kind.NO_ROOM:
            (out,) = found.nodes
            stay = [one for one in pods if one["spec"]["nodeName"] != out]
            for one in (one for one in pods if f"shop/{one['metadata']['name']} " in found.says):
                assert binds(one, nodes, stay, {out}) == []


@given(clusters())
def test_where_nothing_is_said_all_find_a_place(cluster):
    """One after the other, by the same scheduler: there is an order, and a place for each, that it agrees with."""
    nodes, pods = cluster
    for name in {one["metadata"]["name"] for one in nodes}:
        if not list(rehearsed(seen(nodes, pods), name).found):
            stay = [one for one in pods if one["spec"]["nodeName"] != name]
            assert can_be_placed([one for one in pods if one["spec"]["nodeName"] == name], nodes, stay, {name})


def can_be_placed(left, nodes, running, cordoned):
    if not left:
        return True
    for one in left:
        rest = [other for other in left if other is not one]
        for where in binds(one, nodes, running, cordoned):
            bound = deepcopy(one)
            bound["spec"]["nodeName"] = where
            if can_be_placed(rest, nodes, [*running, bound], cordoned):
                return True
    return False
