"""Drains that went wrong elsewhere, as people have reported them: a rehearsal says so before, or rightly does not."""

from __future__ import annotations

import pytest

from in_memory.rehearsed import (
    answered,
    apart,
    budget,
    claimed,
    node,
    on_nodes,
    plane,
    pod,
    rehearsed,
    seen,
    spread,
    told,
    volume,
)

W = ("w1", "w2", "w3")
WORKERS = [node(name) for name in W]
TWO_BUDGETS = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
UNTOLERATED = "1 node(s) had untolerated taint {node-role.kubernetes.io/control-plane: }"
LET_ALL = "give it one more replica, or loosen its budget"
MAKE_ROOM = "make room, or what keeps it from other nodes less strict"


def on_each(app="web", cpu="0", **spec):
    return [pod(f"{app}-{name}", name, cpu, app=app, **spec) for name in W]


REPORTS = [
    pytest.param(
        seen(WORKERS, [pod("one", "w1")], [budget("web", healthy=1, needed=1, expected=1, minAvailable=1)]),
        f"never: w1: pod shop/one would not be evicted: budget shop/web needs 1 of 1 Pod healthy, so it never allows a "
        f"disruption: {LET_ALL}",
        id="kubernetes#66811: one replica, and a budget that wants one",
    ),
    pytest.param(
        seen(WORKERS, on_each(), [budget("web", healthy=3, needed=3, expected=3, minAvailable="100%")]),
        f"never: w1: pod shop/web-w1 would not be evicted: budget shop/web needs 3 of 3 Pods healthy, so it never "
        f"allows a disruption: {LET_ALL}",
        id="airflow-on-k8s-operator#28: minAvailable 100%",
    ),
    pytest.param(
        seen(
            WORKERS,
            [pod("manager", "w1", app="manager", owner="InstanceManager")],
            [budget("manager", healthy=1, needed=1, expected=1, minAvailable=1)],
        ),
        f"never: w1: pod shop/manager would not be evicted: budget shop/manager needs 1 of 1 Pod healthy, so it never "
        f"allows a disruption: {LET_ALL}",
        id="longhorn#1286: a budget for the one Pod of each node",
    ),
    pytest.param(
        seen(
            WORKERS,
            on_each(),
            [budget("web", healthy=3, needed=2, expected=3), budget("web", healthy=3, needed=1, expected=3, name="x")],
            answers=answered("web-w1", 500, {"message": TWO_BUDGETS}),
        ),
        f"never: w1: pod shop/web-w1 would not be evicted: {TWO_BUDGETS} (shop/web, shop/x): take one of the budgets "
        "off",
        id="kubernetes#75957: two budgets over one Pod",
    ),
    pytest.param(
        seen(WORKERS, on_each(ready=False), [budget("web", healthy=0, needed=2, expected=3, maxUnavailable=1)]),
        "not-now: w1: pod shop/web-w1 would not be evicted: budget shop/web needs 2 of 3 Pods healthy and has 0, so it "
        "allows none now: see why its Pods are not healthy",
        id="kubernetes#72320: all of them crash, and their budget keeps what is of no use",
    ),
    pytest.param(
        seen(
            WORKERS,
            on_each(ready=False),
            [budget("web", healthy=0, needed=2, expected=3, unhealthyPodEvictionPolicy="AlwaysAllow")],
        ),
        None,
        id="radix-operator#1069: the same, and unhealthy Pods may always go",
    ),
    pytest.param(
        seen(
            [plane(), *WORKERS],
            [pod(f"web-{n}", n, topologySpreadConstraints=spread("web")) for n in ("w1", "w2", "w3")]
            + [pod("web-2", "w1", topologySpreadConstraints=spread("web"))],
        ),
        f"little-room: w1: pods shop/web-w1, shop/web-2 may find no place: 0/4 nodes are available: {UNTOLERATED}, "
        f"1 node(s) were unschedulable, 2 node(s) didn't match pod topology spread constraints: {MAKE_ROOM}",
        id="kubernetes#106396: a node that is cordoned counts for the spread, as one without any",
    ),
    pytest.param(
        seen(
            [plane(), *WORKERS],
            on_each(topologySpreadConstraints=spread("web", nodeTaintsPolicy="Honor")),
        ),
        None,
        id="rewayaat#79: a spread that honours taints lets the drain go on",
    ),
    pytest.param(
        seen(
            [plane(), *WORKERS],
            [pod("elastic-0", "w1", app="elastic", owner="StatefulSet", volumes=claimed("data-0"))],
            volumes=[volume("data-0", "w1")],
        ),
        f"no-room: w1: pod shop/elastic-0 would find no place: 0/4 nodes are available: {UNTOLERATED}, "
        f"1 node(s) were unschedulable, 2 node(s) had volume node affinity conflict: {MAKE_ROOM}",
        id="local-path-provisioner#476, redpanda#10409: a volume that is on the node",
    ),
    pytest.param(
        seen(
            WORKERS,
            [pod("set-0", "w1", app="set", owner="StatefulSet", affinity=on_nodes("kubernetes.io/hostname", "w1"))],
            [budget("set", healthy=1, needed=0, expected=1, maxUnavailable=1)],
        ),
        f"no-room: w1: pod shop/set-0 would find no place: 0/3 nodes are available: 1 node(s) were unschedulable, "
        f"2 node(s) didn't match Pod's node affinity/selector: {MAKE_ROOM}",
        id="kubernetes#91141: a Pod that wants the very node",
    ),
    pytest.param(
        seen([plane(), *WORKERS], on_each("nginx", affinity=apart("nginx"))),
        f"no-room: w1: pod shop/nginx-w1 would find no place: 0/4 nodes are available: {UNTOLERATED}, "
        f"1 node(s) were unschedulable, 2 node(s) didn't match pod anti-affinity rules: {MAKE_ROOM}",
        id="kubernetes#116891, strimzi#9482: as many replicas as nodes, and none beside another",
    ),
    pytest.param(
        seen([node(name, "2") for name in W], on_each(cpu="1500m")),
        f"no-room: w1: pod shop/web-w1 would find no place: 0/3 nodes are available: 1 node(s) were unschedulable, "
        f"2 Insufficient cpu: {MAKE_ROOM}",
        id="kubernetes/website#20729: no room for the replacement, so the drain blocks at the next one",
    ),
    pytest.param(
        seen(
            WORKERS,
            [pod("vm", "w1", owner="VirtualMachineInstance")],
            answers=answered("vm", 429, {"message": 'admission webhook "virt" denied the request: it is evacuated'}),
        ),
        'not-now: w1: pod shop/vm would not be evicted: admission webhook "virt" denied the request: it is evacuated: '
        "ask whoever keeps that webhook",
        id="kubevirt#11532: a webhook that denies evictions",
    ),
    pytest.param(
        seen(WORKERS, [pod("done", "w1", owner=None, phase="Succeeded", ready=False)]),
        None,
        id="kubernetes#26080: a finished Pod without a controller",
    ),
]


@pytest.mark.parametrize(("there", "said"), REPORTS)
def test_what_was_reported_is_said_before(there, said):
    assert told(there, "w1") == ([said] if said else [])


def test_a_webhook_that_knows_no_dry_run_is_no_yes():
    """engine#67: every dry run of what it is over is refused, whatever it would say itself."""
    why = 'status 400: admission webhook "w" does not support dry run'
    found = rehearsed(seen(WORKERS, [pod("one", "w1")], silent={"one": why}), "w1")
    assert found.found == ()
    assert found.unknown == (f"the eviction of pod shop/one was not judged: {why}",)
    assert "as far as could be asked" in found.summary
