"""A rollout over the lab: real SSH, a real HTTPS API, and the order in which its workers really went out of service."""

from __future__ import annotations

import asyncio

import pytest

from kubeadm_airflow.hooks.cluster_ledger import note_failed
from kubeadm_airflow.hooks.cluster_scene import look_at_result
from kubeadm_airflow.hooks.node_connection import NodeConnection
from kubeadm_upgrade.assignment import Assignment, RunId
from kubeadm_upgrade.engine import perform
from kubeadm_upgrade.procedure import STEPS
from kubeadm_upgrade.steps import Pending
from kubeadm_upgrade.waits import Wait
from lab import ClusterSpec

ZONES = {"staged-w1": "b", "staged-w2": "a", "staged-w3": "a", "staged-w4": "b"}
ROLLOUT = {
    "canary": {"nodes": ["staged-w4"], "soak": "3s"},
    "groups": [
        {"name": "a", "selector": {"zone": "a"}, "max_unavailable": 1},
        {"name": "b", "selector": {"zone": "b"}},
    ],
    "ready_for": "1s",
    "health": {"daemon_sets": True, "workloads": True},
}


@pytest.fixture
def staged(walk):
    """Four workers in two zones, and one that is in none."""
    walker = walk(
        ClusterSpec("staged", control_plane=1, workers=5, version="1.28.15"), max_unavailable=2, rollout=ROLLOUT
    )
    for name, zone in ZONES.items():
        walker.lab.set_label(name, "zone", zone)
    return walker


def cordons(cluster):
    """Worker -> when it went out of service first, and when it came back last, by the lab's own record."""
    found: dict[str, list[float]] = {}
    for sample in cluster.timeline:
        out = not (sample.ready and sample.schedulable)
        if "-w" in sample.node and (out or sample.node in found):
            found.setdefault(sample.node, [sample.time, sample.time])
            if out:
                found[sample.node][1] = sample.time
    return found


def test_workers_go_out_of_service_group_after_group(staged):
    """The canary alone, then its soak; one of zone a at a time though two may be out; the worker of no group last."""

    async def run():
        hop, path = await staged.plan_path()
        found = [one.message for one in await staged.preflight(hop) if "rollout" in one.message]
        await staged.upgrade(hop)
        return hop, path, found, await staged.shortcomings(hop)

    hop, path, found, missing = asyncio.run(run())
    assert (found, missing, staged.lab.violations) == ([], [], [])
    assert hop.workers == ("staged-w4", "staged-w2", "staged-w3", "staged-w1", "staged-w5")
    moving = [(group.group, group.nodes) for group in path.hops[0].moving]
    assert moving == [
        ("canary", hop.workers[:1]),
        ("a", hop.workers[1:3]),
        ("b", hop.workers[3:4]),
        ("rest", hop.workers[4:]),
    ]
    went = cordons(staged.lab)
    assert sorted(went, key=lambda name: went[name][0]) == list(hop.workers)
    for first, then in zip(hop.workers, hop.workers[1:], strict=False):
        assert went[first][1] <= went[then][0]
    assert went["staged-w2"][0] - went["staged-w4"][1] >= 3


def test_a_failure_halts_whoever_was_not_begun(staged):
    """Noted as the task's callback does; the ledger holds it, whatever dies, until the worker is given up or back."""
    run = RunId("run-1")

    async def look(hop, node):
        work = Assignment("staged", run, hop, "workers", "next_in_line", node)
        async with NodeConnection.open(staged.cluster, work) as port:
            return await perform(STEPS["next_in_line"], hop, port)

    async def halted():
        hop = await staged.plan()
        for group in ("stage", "control_plane", "control_plane_kubelets"):
            for node in hop.nodes_of(group):
                if group != "stage":
                    await staged.preflight(hop)
                await staged.walk(hop, group, node)
        await note_failed("staged", run, "staged-w4", "staged-w4: drain_node: a budget allows nothing\nand more")
        waits = await look(hop, "staged-w2")
        ledger = (await look_at_result(staged.cluster)).ledger
        return waits, ledger.failed_nodes["staged-w4"]

    waits, failed = asyncio.run(halted())
    assert isinstance(waits, Pending)
    assert waits.kind is Wait.FAILURES
    assert (
        "the rollout is halted: staged-w4 has failed (staged-w4: drain_node: a budget allows nothing)" in waits.reason
    )
    assert (failed.run, failed.why) == (run, "staged-w4: drain_node: a budget allows nothing")
