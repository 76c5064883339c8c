"""Rehearsals against the lab's API: they say what the real drains meet, change nothing, and fail no run."""

from __future__ import annotations

import asyncio
import json
import random
import time
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from harness.desk import Run
from harness.fleet import RIGHTS
from kubeadm_airflow import command_line
from kubeadm_airflow.hooks import rehearsing
from kubeadm_airflow.hooks.cluster_scene import judge_and_rehearse
from kubeadm_airflow.hooks.rehearsing import rehearse_beside, rehearse_now
from kubeadm_airflow.operators.rehearse import RehearseOperator
from kubeadm_upgrade.preflight import Severity
from kubeadm_upgrade.rehearsal.finding import Kind, Rehearsal
from kubeadm_upgrade.rehearsal.page import as_markdown
from lab import ClusterSpec

Item = dict[str, Any]
SPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}, "status": {"phase": "Active"}}


def deployment(name: str, replicas: int, cpu: str = "0", **spec: Any) -> Item:
    requests = {} if cpu == "0" else {"requests": {"cpu": cpu}}
    containers = [{"name": "app", "image": "registry.example.org/app:1", "resources": requests}]
    template = {"metadata": {"labels": {"app": name}}, "spec": {"containers": containers, **spec}}
    body = {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": template}
    metadata = {"name": name, "namespace": "shop"}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": body}


def budget(name: str, **spec: Any) -> Item:
    body = {"selector": {"matchLabels": {"app": name}}, **spec}
    metadata = {"name": name, "namespace": "shop"}
    return {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": metadata, "spec": body, "status": {}}


def settled(walker, pods: int) -> None:
    """So many Pods run in the shop, and budgets have been counted."""
    end = time.monotonic() + 20
    while sum(pod["status"]["phase"] == "Running" for pod in walker.lab.objects("Pod", "shop")) < pods:
        assert time.monotonic() < end, "they did not start in time"
        time.sleep(0.05)


def where(walker, app: str) -> list[str]:
    pods = walker.lab.objects("Pod", "shop")
    return sorted(pod["spec"].get("nodeName", "") for pod in pods if pod["metadata"]["labels"].get("app") == app)


def pods_of(walker) -> set[str]:
    return {pod["metadata"]["uid"] for pod in walker.lab.objects("Pod")}


def test_what_would_be_in_the_way_is_said_and_nothing_is_changed(walk):
    """Budgets, a Pod that is too large for what is left, one that nothing recreates: per node, and each thing once."""
    walker = walk(ClusterSpec("before", workers=3, version="1.28.15", workloads=(), pdbs=()), max_unavailable=2)
    bare = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "bare", "namespace": "shop", "labels": {"app": "bare"}},
        "spec": {"nodeName": "before-w1", "containers": [{"name": "a", "image": "registry.example.org/a:1"}]},
        "status": {"phase": "Running"},
    }
    walker.lab.apply([SPACE, deployment("kept", 1), deployment("large", 3, "1500m"), deployment("web", 6), bare])
    walker.lab.apply([budget("kept", minAvailable=1), budget("web", maxUnavailable=1)])
    settled(walker, 11)
    (holds,) = where(walker, "kept")
    before = pods_of(walker), len(walker.lab.mutations)

    async def run():
        hop = await walker.plan()
        asked = len(walker.lab.mutations)
        return await rehearse_now(walker.cluster), await judge_and_rehearse(walker.cluster, hop), asked

    rehearsal, judged, asked = asyncio.run(run())
    found = {(one.kind, *one.nodes): str(one) for one in rehearsal.found}
    assert found[Kind.REFUSED, "before-w1"].startswith("before-w1: pod shop/bare has no controller and would be lost")
    assert "budget shop/kept needs 1 of 1 Pod healthy, so it never allows a disruption" in found[Kind.NEVER, holds]
    for name in walker.lab.spec.worker_nodes:
        assert "2 Insufficient cpu" in found[Kind.NO_ROOM, name]
    assert [one.says for one in rehearsal.found if one.kind is Kind.SLOWER] == [
        "budget shop/web allows 1 disruption at a time, and 4 of its Pods are on them"
    ]
    assert (rehearsal.unknown, rehearsal.evictions) == ((), rehearsal.asked)
    assert Rehearsal.from_json(json.loads(json.dumps(rehearsal.to_json()))) == rehearsal
    assert all(head in as_markdown(rehearsal) for head in ("The drain would be refused:", "Pods would find no place:"))

    blocks = [one for one in judged if one.severity is Severity.BLOCK]
    warned = [one.message for one in judged if one.check == "drains_rehearsed"]
    assert [one.check for one in blocks] == ["drain_allowed"]
    assert not [message for message in warned if "shop/bare" in message]
    assert len([message for message in warned if "would find no place" in message]) == 3
    assert (pods_of(walker), len(walker.lab.mutations)) == (before[0], asked)
    assert {one.body["deleteOptions"]["dryRun"][0] for one in walker.lab.dry_runs} == {"All"}
    assert len(walker.lab.dry_runs) == 2 * rehearsal.asked


@pytest.mark.parametrize("seed", range(3))
def test_where_a_rehearsal_is_clear_the_real_drains_go_through(walk, seed):
    """Random workloads and budgets. Of nodes that nothing is in the way of, each is drained and upgraded."""
    chance = random.Random(seed)
    walker = walk(ClusterSpec("free", workers=4, version="1.28.15", workloads=(), pdbs=()), drain={"deadline": "60s"})
    apps = {f"app{n}": chance.randint(1, 4) for n in range(5)}
    walker.lab.apply([SPACE, *(deployment(one, n, chance.choice(("0", "100m", "300m"))) for one, n in apps.items())])
    budgets = {one: {"maxUnavailable": 1} if chance.random() < 0.6 else {"minAvailable": n} for one, n in apps.items()}
    walker.lab.apply([budget(one, **spec) for one, spec in budgets.items()])
    settled(walker, sum(apps.values()))

    async def run():
        rehearsal = await rehearse_now(walker.cluster)
        free = [name for name in walker.lab.spec.worker_nodes if not list(rehearsal.of(name))]
        kept = {pod["spec"]["nodeName"] for pod in walker.lab.objects("Pod", "shop") if never(pod, budgets)}
        hop = await walker.plan(nodes=tuple(free)) if free else None
        if hop:
            await walker.upgrade(hop)
        return rehearsal, free, kept

    rehearsal, free, kept = asyncio.run(run())
    assert rehearsal.unknown == ()
    assert set(free).isdisjoint(kept)
    assert {one.nodes[0] for one in rehearsal.found if one.kind is Kind.NEVER} == kept
    states = {name: walker.lab.node_state(name) for name in free}
    assert {state.kubelet for state in states.values()} <= {"v1.29.15"}
    assert all(state.schedulable for state in states.values())
    assert walker.lab.violations == []


def never(pod: Item, budgets: dict[str, Item]) -> bool:
    return "minAvailable" in budgets[pod["metadata"]["labels"]["app"]]


def without_right(walker, *resources: str) -> None:
    """As somebody who has granted less than docs/rbac.yaml lists."""
    manifest = list(yaml.safe_load_all(RIGHTS.read_text()))
    for one in manifest:
        for rule in one.get("rules", ()):
            rule["resources"] = [name for name in rule.get("resources", ()) if name not in resources]
    walker.lab.apply(manifest)


def test_a_missing_right_is_told_as_one_and_at_once(walk):
    """A cluster's API is asked again for 20 seconds in a run; a rehearsal has ten."""
    walker = walk(ClusterSpec("less", workers=3, version="1.28.15"))
    without_right(walker, "pods/eviction", "poddisruptionbudgets", "persistentvolumes")
    found = asyncio.run(rehearse_now(walker.cluster))
    no_budgets, no_volumes, no_evictions, *others = found.unknown
    assert no_budgets.startswith("PodDisruptionBudgets could not be listed: GET ")
    assert no_volumes.startswith("PersistentVolumes could not be listed: GET ")
    assert no_evictions.startswith("no eviction could be tried: POST ")
    for said in (no_budgets, no_volumes, no_evictions):
        assert "is forbidden" in said
        assert said.endswith("grant all that docs/rbac.yaml lists (kubectl apply -f docs/rbac.yaml)")
    assert others == [f"{found.evictions} more evictions were not tried in a dry run, and are judged by budgets alone"]
    assert len(walker.lab.dry_runs) == 1


def test_what_cannot_be_asked_is_unknown_and_fails_nobody(walk, monkeypatch):
    """A webhook that knows no dry run, an API that is too busy, one that answers no more."""
    walker = walk(ClusterSpec("dumb", workers=2, version="1.28.15"))

    def rehearsed() -> Rehearsal:
        return asyncio.run(rehearse_now(walker.cluster))

    with walker.lab.faults.webhook_no_dry_run("shop"):
        found = rehearsed()
        assert not found.is_clear
        (said,) = found.unknown
        assert said.startswith("the eviction of pods shop/")
        assert "does not support dry run" in said
        assert walker.lab.effects == []
        assert found.asked < found.evictions
    with walker.lab.faults.api_busy("shop"):
        assert "Too many requests, please try again later." in str(rehearsed().unknown)
    assert rehearsed().is_clear

    monkeypatch.setattr(rehearsing, "MOST", 1)
    assert f"{rehearsed().evictions - 1} more evictions were not tried in a dry run" in str(rehearsed().unknown)
    monkeypatch.setattr(rehearsing, "SECONDS", 0.0)
    late = rehearsed()
    assert "PodDisruptionBudgets could not be listed within 0 seconds" in late.unknown
    assert (late.is_clear, late.asked) == (False, 0)
    monkeypatch.undo()


def test_a_rehearsal_beside_a_run_fails_with_nothing(walk, monkeypatch):
    """Neither with the API, nor by a mistake of ours: it says that nobody knows."""
    walker = walk(ClusterSpec("broken", workers=1, version="1.28.15"))

    def mistake(*_: object) -> Rehearsal:
        raise ZeroDivisionError

    async def run() -> list[Rehearsal]:
        monkeypatch.setattr(rehearsing, "rehearse", mistake)
        by_mistake = await rehearse_beside(walker.cluster, ["broken-w1"])
        with walker.lab.faults.api_down():
            return [by_mistake, await rehearse_beside(walker.cluster, ["broken-w1"])]

    by_mistake, down = asyncio.run(run())
    assert "by a mistake of kubeadm-fleet" in str(by_mistake.unknown)
    assert down.unknown[0].startswith("the drains could not be rehearsed: ")
    assert not by_mistake.is_clear
    assert not down.is_clear


def test_where_the_file_says_so_only_a_person_rehearses(walk, capsys):
    """Plan, preflight and looks say it once and try nothing; the command asks all the same."""
    walker = walk(ClusterSpec("quiet", workers=2, version="1.28.15"), drain={"rehearsal": False})
    says = (
        "the drains were not rehearsed: the cluster's file says drain.rehearsal: false "
        "(python -m kubeadm_upgrade rehearse quiet does it all the same)"
    )

    async def run():
        hop = await walker.plan()
        return await rehearse_beside(walker.cluster, ["quiet-w1"]), await judge_and_rehearse(walker.cluster, hop)

    planned, judged = asyncio.run(run())
    told = RehearseOperator(task_id="rehearse_drains", cluster="quiet").execute({"ti": SimpleNamespace()})
    assert planned == Rehearsal.from_json(told) == Rehearsal(unknown=(says,))
    assert [one.message for one in judged if one.check == "drains_rehearsed"] == [says]
    assert as_markdown(planned).count("not rehearsed") == 1
    assert capsys.readouterr().out.count(says) == 1
    assert walker.lab.dry_runs == []

    by_hand = command_line.rehearse(walker.cluster)
    assert len(walker.lab.dry_runs) == by_hand.asked > 0


def test_a_rehearsal_of_its_own_tells_each_thing_in_its_log(walk, capsys):
    """What its task returns is what there is to tell."""
    walker = walk(ClusterSpec("daily", workers=2, version="1.28.15"))
    with walker.lab.faults.budget_never_allows("shop", "web"):
        told = RehearseOperator(task_id="rehearse_drains", cluster="daily").execute({"ti": SimpleNamespace()})
    found = Rehearsal.from_json(told)
    assert {one.kind for one in found.found} == {Kind.NEVER}
    log = capsys.readouterr().out
    assert [str(one) for one in found.found if str(one) not in log] == []
    assert walker.lab.mutations == []


def test_the_plan_shows_it_the_approval_carries_it_and_a_pod_that_moves_asks_nobody_again(walk, monkeypatch):
    """What was met then is text; whoever agreed has agreed to the plan."""
    asks = {"when": "always", "approvers": ["ann"], "deadline": "48h"}
    walker = walk(ClusterSpec("asked", control_plane=1, workers=2, version="1.28.15"), approval=asks)
    with walker.lab.faults.budget_never_allows("shop", "web"):
        run = Run(walker, monkeypatch).plan().preflight()
        page = run.desk.xcoms["plan", "page"]
        assert "## Drains, rehearsed" in page
        assert "asked-w1: pods shop/web-" in page
        assert "budget shop/web needs 4 of 4 Pods healthy, so it never allows a disruption" in page
        run.approve()
    assert "`drains_rehearsed`" in run.desk.body
    assert "so it never allows a disruption" in run.desk.body
    run.desk.answer("Approve")
    assert run.resume()["by"] == "ann"
    assert "drains_rehearsed" not in run.ledger.approved.terms.warnings

    with walker.lab.faults.webhook_denies("shop", "not on a Friday"):
        later = Run(walker, monkeypatch, "run-1~2", take_over="run-1").plan().preflight()
    assert "not on a Friday" in str(later.desk.xcoms["preflight", "findings"])
    assert later.approve()["by"] == "ann"
