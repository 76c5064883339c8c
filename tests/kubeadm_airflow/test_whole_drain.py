"""Drains in a whole hop, by the lab's own record of every Pod: budgets, order, grace periods, quarantine."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from harness.desk import Deletion
from harness.rest import wait_for
from harness.walk import Walker
from kubeadm_airflow.hooks.drain_api import DrainApi
from kubeadm_airflow.hooks.draining import mark, take_marks_off
from kubeadm_airflow.hooks.node_connection import NodeConnection
from kubeadm_upgrade import errors
from kubeadm_upgrade.assignment import Assignment, RunId
from kubeadm_upgrade.drain.quarantine import LABEL
from kubeadm_upgrade.drain.rule import BEHAVIOR, ORDER
from kubeadm_upgrade.drain.to_come import TAINT
from kubeadm_upgrade.engine import perform
from kubeadm_upgrade.procedure import STEPS
from lab import ClusterSpec
from lab.records import PodRecord

pytestmark = pytest.mark.timeout(300)

NEEDS = "lab/seconds-to-end"
LEDGER = ("ConfigMap", "kube-system", "kubeadm-fleet-ledger")


def deployment(name: str, replicas: int, seconds: float, grace: int) -> dict[str, Any]:
    """Its Pods take so long to end, once they are told to."""
    labels = {"app": name}
    containers = [{"name": "app", "image": "registry.example.org/app:1"}]
    pod = {"containers": containers, "terminationGracePeriodSeconds": grace}
    template = {"metadata": {"labels": labels, "annotations": {NEEDS: str(seconds)}}, "spec": pod}
    spec = {"replicas": replicas, "selector": {"matchLabels": labels}, "template": template}
    metadata: dict[str, Any] = {"name": name, "namespace": "shop"}
    if name == "back":  # not by the cluster's file
        metadata["annotations"] = {ORDER: "10"}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": spec, "status": {}}


def budget(name: str, **spec: Any) -> dict[str, Any]:
    metadata = {"name": name, "namespace": "shop"}
    spec = {"selector": {"matchLabels": {"app": name}}, **spec}
    return {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": metadata, "spec": spec, "status": {}}


def app_of(record: PodRecord) -> str:
    return record.name.split("-")[0]


RULES = [
    {"selector": "app=front", "order": -10},
    {"selector": "app=stubborn", "grace_period": "1s"},
]


def test_no_budget_is_violated_and_every_grace_period_is_honoured(walk):
    """Whatever the product believes: the lab writes down who was healthy, who was told to go, and when each ended."""
    spec = ClusterSpec("graceful", workers=3, version="1.28.15", workloads=(), pdbs=())
    walker = walk(spec, max_unavailable=2, drain={"rules": RULES})
    apps = {"front": (3, 0.3, 30), "slow": (4, 0.5, 20), "stubborn": (2, 60, 45), "back": (3, 0.2, 30)}
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}, "status": {"phase": "Active"}}
    walker.lab.apply([space, *(deployment(name, *how) for name, how in apps.items())])
    walker.lab.apply(
        [budget("front", maxUnavailable=1), budget("slow", minAvailable=3), budget("back", minAvailable="50%")]
    )
    wait_for(lambda: len(running(walker)) == 12, "twelve Pods to run", 60)

    async def run():
        hop = await walker.plan()
        await walker.upgrade(hop)
        return await walker.shortcomings(hop)

    assert asyncio.run(run()) == []
    assert walker.lab.violations == []
    records = walker.lab.pods
    told = {one.uid: one for one in records if one.what == "evicted" and one.namespace == "shop"}
    ended = {one.uid: one for one in records if one.what in ("ended", "killed")}
    assert {app_of(one) for one in told.values()} == set(apps)
    assert [one for one in records if one.what == "deleted" and one.namespace == "shop"] == []
    for one in told.values():
        assert all(healthy >= needed for _, healthy, needed in one.budgets)
        lasted = ended[one.uid].time - one.time
        _, seconds, own = apps[app_of(one)]
        grace = 1 if app_of(one) == "stubborn" else own
        assert one.grace == grace
        assert lasted >= min(seconds, grace) - 0.01
        assert (ended[one.uid].what == "killed") is (seconds > grace)
    bodies = [one.body["deleteOptions"] for one in walker.lab.mutations if one.path.endswith("/eviction")]
    assert {body.get("gracePeriodSeconds") for body in bodies} == {None, 1}
    for node in spec.worker_nodes:
        here = [one for one in told.values() if one.node == node]
        for later in here:
            assert all(ended[one.uid].time <= later.time for one in here if order_of(one) < order_of(later))


def running(walker: Walker) -> list[str]:
    pods = walker.lab.objects("Pod", "shop")
    return [pod["metadata"]["name"] for pod in pods if pod["status"]["phase"] == "Running"]


def order_of(record: PodRecord) -> int:
    return {"front": -10, "back": 10}.get(app_of(record), 0)


def test_a_node_cordoned_before_is_upgraded_stays_cordoned_and_is_mentioned(walk):
    """Invariant I7, and what whoever reads preflight or report is told of it. Nobody is left with a mark of ours."""
    walker = walk(ClusterSpec("before", workers=3, version="1.28.15"))

    async def run():
        async with DrainApi.open(walker.cluster.kubernetes_conn_id) as api:
            await api.patch_node("before-w2", {"spec": {"unschedulable": True}})
        hop = await walker.plan()
        found = [one.message for one in await walker.preflight(hop)]
        await walker.upgrade(hop)
        return found, await walker.shortcomings(hop)

    found, missing = asyncio.run(run())
    assert missing == []
    assert "before-w2 was cordoned before this run; it stays so, and is not counted before its own turn" in found
    states = {name: walker.lab.node_state(name) for name in walker.lab.spec.worker_nodes}
    assert {state.kubelet for state in states.values()} == {"v1.29.15"}
    assert [name for name, state in states.items() if not state.schedulable] == ["before-w2"]
    assert marked(walker) == []
    assert any("taints" in (one.body or {}).get("spec", {}) for one in walker.lab.mutations if one.verb == "patch")


def marked(walker: Walker) -> list[str]:
    nodes = walker.lab.objects("Node")
    return [
        node["metadata"]["name"]
        for node in nodes
        if any(taint["key"] == TAINT for taint in node["spec"].get("taints", []))
    ]


def pinned(node: str, uid: str) -> dict[str, Any]:
    """Of a StatefulSet that makes no other."""
    owner = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "pinned", "uid": uid, "controller": True}
    metadata = {"name": "pinned-0", "namespace": "shop", "labels": {"app": "pinned"}, "ownerReferences": [owner]}
    status = {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}
    spec = {"nodeName": node, "containers": [{"name": "one", "image": "registry.example.org/one:1"}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec, "status": status}


async def run_once(walker: Walker, run: str) -> tuple[Any, list[BaseException], list[str]]:
    """As Airflow does: what fails on one node keeps no other from going on; the report takes marks off."""
    hop = await walker.plan(run)
    await walker.preflight(hop, run)
    failed: list[BaseException] = []
    for group in ("stage", "control_plane", "control_plane_kubelets", "workers"):
        nodes = hop.nodes_of(group)
        ended = await asyncio.gather(*(walker.walk(hop, group, node, run) for node in nodes), return_exceptions=True)
        failed += [one for one in ended if isinstance(one, BaseException)]
    await take_marks_off(walker.cluster, RunId(run))
    missing = await walker.shortcomings(hop, run)
    await walker.release(run)
    return hop, failed, missing


def test_quarantine_lets_the_rest_finish_and_the_next_run_takes_just_that_node(walk):
    """A budget that never allows. The node stays cordoned, labelled, in the ledger, and what the run lacks is told."""
    spec = ClusterSpec("kept", workers=3, version="1.28.15", pdbs=())
    walker = walk(spec, drain={"on_blocked": "quarantine", "deadline": "6s"})
    stateful = {"replicas": 1, "selector": {"matchLabels": {"app": "pinned"}}}
    metadata = {"name": "pinned", "namespace": "shop"}
    walker.lab.apply([{"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": metadata, "spec": stateful}])
    owner = walker.lab.object("StatefulSet", "shop", "pinned")
    walker.lab.apply([pinned("kept-w1", owner["metadata"]["uid"]), budget("pinned", minAvailable=1)])

    _, failed, missing = asyncio.run(run_once(walker, "run-1"))
    (error,) = failed
    assert isinstance(error, errors.StepTimedOut)
    assert "quarantined: it stays cordoned, the others go on" in str(error)
    assert "shop/pinned allows 0 disruptions since" in str(error)
    assert {walker.lab.node_state(name).kubelet for name in ("kept-w2", "kept-w3")} == {"v1.29.15"}
    left = walker.lab.node_state("kept-w1")
    assert (left.kubelet, left.schedulable) == ("v1.28.15", False)
    assert walker.lab.object("Node", None, "kept-w1")["metadata"]["labels"][LABEL] == "true"
    why = walker.lab.object(*LEDGER)["data"]["given-up.kept-w1"]
    assert why.startswith(
        "quarantined: its drain was blocked at its deadline: pod shop/pinned-0 may not be evicted yet"
    )
    assert any(f"kept-w1 runs kubelet 1.28.15, not 1.29.15 (given up: {why})" in one for one in missing)
    assert marked(walker) == []

    walker.lab.apply([budget("pinned", minAvailable=0)])
    begun = len(walker.lab.log), len(walker.lab.mutations)
    hop, failed, missing = asyncio.run(run_once(walker, "run-2"))
    assert (hop.workers[0], failed, missing) == ("kept-w1", [], [])
    assert {record.node for record in walker.lab.log[begun[0] :] if record.mutating} == {"kept-w1"}
    evicted = [one.path for one in walker.lab.mutations[begun[1] :] if one.path.endswith("/eviction")]
    assert any("pinned-0" in path for path in evicted)
    after = walker.lab.node_state("kept-w1")
    assert (after.kubelet, after.schedulable) == ("v1.29.15", True)
    assert LABEL not in walker.lab.object("Node", None, "kept-w1")["metadata"]["labels"]
    assert walker.lab.violations == []


def test_a_budget_that_never_allows_is_gone_around_where_a_person_agrees(walk, monkeypatch):
    """Worker by worker: each drain fails at its deadline, somebody agrees to its Pods, and the cleared task goes on.

    What is agreed to for one worker is worth nothing for the next. By the lab's record nothing else was deleted, and of
    what was deleted another one was healthy at every moment.
    """
    walker = walk(ClusterSpec("agreed", workers=2, version="1.28.15", workloads=(), pdbs=()), drain={"deadline": "4s"})
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}, "status": {"phase": "Active"}}
    walker.lab.apply([space, deployment("db", 2, 0.2, 30), budget("db", maxUnavailable=0)])
    wait_for(lambda: len(running(walker)) == 2, "two Pods to run", 60)
    hop = asyncio.run(walker.plan())
    asyncio.run(walker.preflight(hop))
    for group in ("stage", "control_plane", "control_plane_kubelets"):
        for node in hop.nodes_of(group):
            asyncio.run(walker.walk(hop, group, node))
    agreed, told = set(), []
    for node in hop.workers:
        with pytest.raises(errors.StepTimedOut, match="shop/db allows 0 disruptions since"):
            asyncio.run(walker.walk(hop, "workers", node))
        order = Deletion("agreed", monkeypatch)
        order.ask(node)
        order.desk.answer("Approve")
        agreed |= order.resume()["pods"].keys()
        told.append(asyncio.run(walker.step(hop, "workers", node, "drain_node")))
        asyncio.run(walker.walk(hop, "workers", node))
        assert not [key for key in walker.lab.object(*LEDGER)["data"] if key.startswith("delete-pods.")]
    assert asyncio.run(walker.shortcomings(hop)) == []
    gone = [one for one in walker.lab.pods if one.what == "deleted" and one.namespace == "shop"]
    assert {one.uid for one in gone} == agreed
    assert len(gone) == len(agreed) == 3
    assert all(healthy >= 1 for one in gone for _, healthy, _ in one.budgets)
    assert {one.what for one in walker.lab.pods if one.uid in agreed} == {"deleted", "ended"}
    names = {f"pod shop/{one.name} was deleted and not evicted, approved by ann" for one in gone}
    assert {line.partition(" on ")[0] for outcome in told for line in outcome["details"]} == names
    assert [one for one in walker.lab.violations if " was deleted: budget db needs 2 healthy pods" not in one] == []


def test_marks_that_a_run_has_left_go_with_the_next_runs_end(walk):
    """Whoever died before its report; not by one that has lost the cluster, and nothing of anybody else's goes."""
    walker = walk(ClusterSpec("marks", workers=2, version="1.28.15"))
    gpu = {"key": "gpu", "value": "yes", "effect": "NoSchedule"}
    names = list(walker.lab.spec.worker_nodes)

    async def run():
        async with DrainApi.open(walker.cluster.kubernetes_conn_id) as api:
            await api.patch_node("marks-w1", {"spec": {"taints": [gpu]}})
            while await mark(api, [*names, "gone"]):  # a Node's status changes all the time
                pass
        await walker.plan("run-2")
        await take_marks_off(walker.cluster, RunId("run-1"))
        before = marked(walker)
        await take_marks_off(walker.cluster, RunId("run-2"))
        return before

    assert asyncio.run(run()) == names
    assert marked(walker) == []
    assert walker.lab.object("Node", None, "marks-w1")["spec"]["taints"] == [gpu]


def claimed(name: str, node: str, volume: str) -> list[dict[str, Any]]:
    """An attached volume, and the claim that it is bound to."""
    claim = {"metadata": {"name": name, "namespace": "shop"}, "spec": {"volumeName": volume}}
    source = {"persistentVolumeName": volume}
    attachment = {
        "metadata": {"name": f"csi-{name}"},
        "spec": {"attacher": "csi.example.org", "nodeName": node, "source": source},
        "status": {"attached": True},
    }
    return [
        {"apiVersion": "v1", "kind": "PersistentVolumeClaim", **claim},
        {"apiVersion": "storage.k8s.io/v1", "kind": "VolumeAttachment", **attachment},
    ]


def test_a_node_is_drained_when_the_volumes_of_its_evicted_pods_have_left_it(walk):
    """Not before, or whoever needs them elsewhere waits; and not for those of Pods that stay."""
    walker = walk(ClusterSpec("volumes", workers=1, version="1.28.15", workloads=(), pdbs=()))
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}, "status": {"phase": "Active"}}
    kept = pinned("volumes-w1", "") | {"status": {"phase": "Running"}}
    kept["metadata"] |= {"annotations": {BEHAVIOR: "skip"}, "ownerReferences": []}
    kept["spec"]["volumes"] = [{"name": "data", "persistentVolumeClaim": {"claimName": "kept"}}]
    walker.lab.apply([space, kept, *claimed("kept", "volumes-w1", "pv-1"), *claimed("gone", "volumes-w1", "pv-2")])

    async def run():
        hop = await walker.plan()
        await walker.preflight(hop)
        for group in ("stage", "control_plane", "control_plane_kubelets"):
            for node in hop.nodes_of(group):
                await walker.walk(hop, group, node)
        for step in ("next_in_line", "upgrade_kubeadm", "kubeadm_upgrade_node", "admit"):
            await walker.step(hop, "workers", "volumes-w1", step)
        work = Assignment(walker.name, RunId("run-1"), hop, "workers", "drain_node", "volumes-w1")
        async with NodeConnection.open(walker.cluster, work) as port:
            waiting = await perform(STEPS["drain_node"], hop, port)
            while "volume pv-2" not in waiting.reason:  # what the control plane's drain has brought here is still going
                waiting = await perform(STEPS["drain_node"], hop, port)
            async with DrainApi.open(walker.cluster.kubernetes_conn_id) as api:
                seen = [one["metadata"]["name"] for one in await api.attachments()]
            walker.lab.remove("VolumeAttachment", None, "csi-gone")
            return waiting, seen, await perform(STEPS["drain_node"], hop, port)

    waiting, seen, done = asyncio.run(run())
    assert waiting.reason == "pods to go from volumes-w1: volume pv-2 (still attached)"
    assert seen == ["csi-gone", "csi-kept"]
    assert done.status == "unchanged"
